"""ONNX models that are sound but no AlexNet: each by name, with what the error must say.

`CORPUS` maps a name to the bytes of a file and a pattern that the message of the WeightsError
matches; `OTHER_NETWORKS` to a pattern of what is different about the network that the file has.
"""

from __future__ import annotations

import numpy as np
from synthesis.networks import TINY
from synthesis.programs.onnx_changes import Change, attribute, changed, inserted, swapped, without
from synthesis.programs.onnx_files import Encoding, Writer, describe, encode_tensor, set_attribute


class Title(str):
    """What is different about the network, where a change makes another network of the file."""

    __slots__ = ()


def _unfit_attributes() -> dict[str, tuple[bytes, str]]:
    """Flip every setting that decides what the network computes."""
    flips: dict[str, tuple[Change, str]] = {
        "conv1 with stride 3": (
            attribute("Conv", "strides", (3, 3)),
            r"Gemm node .* its weight has shape \(6, 24\), an image needs \(6, 6\)",
        ),
        "conv1 without strides": (
            attribute("Conv", "strides", ()),
            "strides.*another type|strides: expected",
        ),
        "conv2 without padding": (
            attribute("Conv", "pads", (0, 0, 0, 0), 1),
            Title(": "),
        ),
        "conv2 with padding on one side": (
            attribute("Conv", "pads", (2, 2, 2, 3), 1),
            "padding: need less than the kernel",
        ),
        "conv2 with two pads": (attribute("Conv", "pads", (2, 2), 1), "pads: expected"),
        "conv3 in two groups": (
            attribute("Conv", "group", 2, 2),
            r"its weight has shape \(4, 4, 1, 3\), an image needs",
        ),
        "conv2 in one group": (
            attribute("Conv", "group", 1, 1),
            r"its weight has shape \(4, 2, 3, 3\), an image needs",
        ),
        "conv1 dilated": (attribute("Conv", "dilations", (2, 2)), "dilations: expected"),
        "conv1 with another kernel": (
            attribute("Conv", "kernel_shape", (5, 5)),
            r"kernel_shape: \(5, 5\), but its weight has shape",
        ),
        "conv2 padded automatically": (
            attribute("Conv", "auto_pad", b"SAME_UPPER", 1),
            Title("^$"),
        ),
        "conv2 not padded automatically": (
            attribute("Conv", "auto_pad", b"VALID", 1),
            Title(": "),
        ),
        "alpha five times as large": (
            attribute("LRN", "alpha", 5e-4),
            Title(r"norm1: alpha is 0\.0005"),
        ),
        "beta of 0.5": (attribute("LRN", "beta", 0.5, 1), Title(r"norm2: beta is 0\.5, not 0\.75")),
        "bias of 2 in one place": (attribute("LRN", "bias", 2.0), Title(r"norm1: k is 2")),
        "size of 3": (attribute("LRN", "size", 3), Title("norm1: size is 3, not 5")),
        "alpha that is NaN": (
            attribute("LRN", "alpha", float("nan")),
            "alpha: need a finite number",
        ),
        "pools of 2": (
            attribute("MaxPool", "kernel_shape", (2, 2)),
            r"Gemm node .* its weight has shape \(6, 24\), an image needs \(6, 54\)",
        ),
        "pools with stride 3": (
            attribute("MaxPool", "strides", (3, 3), 2),
            Title(": "),
        ),
        "pools padded at the beginning": (
            attribute("MaxPool", "pads", (1, 1, 0, 0)),
            r"Gemm node .* its weight has shape \(6, 24\), an image needs \(6, 54\)",
        ),
        "pools padded too far at the end": (
            attribute("MaxPool", "pads", (0, 0, 2, 2)),
            r"Gemm node .* its weight has shape \(6, 24\), an image needs \(6, 54\)",
        ),
        "dilated pools": (attribute("MaxPool", "dilations", (2, 2)), "dilations: expected"),
        "alpha of Gemm": (attribute("Gemm", "alpha", 2.0), r"alpha: expected 1\.0, got 2\.0"),
        "beta of Gemm": (attribute("Gemm", "beta", 0.0), r"beta: expected 1\.0, got 0\.0"),
        "transA of Gemm": (attribute("Gemm", "transA", 1), "transA: expected 0, got 1"),
        "softmax over the images": (attribute("Softmax", "axis", 0), "axis: expected 1, got 0"),
        "flattened with the images": (attribute("Flatten", "axis", 0), "axis: expected 1, got 0"),
        "an unknown attribute": (attribute("Conv", "fused", 1), "attribute 'fused' is not known"),
        "an attribute of another type": (
            attribute("Conv", "group", 1.0),
            "attribute 'group' is of another type",
        ),
        "an attribute twice": (
            lambda writer: writer.node("Conv").attribute.add(name="group", type=2, i=2),
            "two attributes of the same name",
        ),
    }
    corpus = {what: (changed(change), pattern) for what, (change, pattern) in flips.items()}
    free_size = Encoding(input_size=("H", "W"))
    corpus["floor instead of ceil mode, any size"] = (
        changed(attribute("MaxPool", "ceil_mode", 0), free_size),
        Title("^$"),
    )
    corpus["floor instead of ceil mode, 224 pixels"] = (
        changed(attribute("MaxPool", "ceil_mode", 0), Encoding(input_size=(224, 224))),
        Title("^$"),
    )
    corpus["an average over 2x2 pixels"] = (
        changed(
            attribute("AveragePool", "kernel_shape", (2, 2)),
            Encoding(average_pool=True, softmax=False),
            "torchvision",
        ),
        r"its weight has shape \(6, 24\), an image needs \(6, 6\)",
    )
    return corpus


def _unfit_graphs() -> dict[str, tuple[bytes, str]]:
    """Graphs of other ops, in another order, or with more than one way."""

    def branch(writer: Writer) -> None:
        writer.add("Relu", [writer.node("Conv").output[0]])

    def loop(writer: Writer) -> None:
        writer.node("Conv").input[0] = writer.node("Softmax").output[0]

    def cycle(writer: Writer) -> None:
        writer.node("Conv", 1).output[0] = "round"
        writer.node("Relu", 1).input[0] = "round"
        writer.node("Conv", 2).output[0] = writer.node("Conv", 1).input[0]

    def shares_output(writer: Writer) -> None:
        writer.node("Conv", 2).output[0] = writer.node("Conv", 1).output[0]

    def no_outputs(writer: Writer) -> None:
        del writer.node("LRN").output[:]

    def second_input(writer: Writer) -> None:
        describe(writer.graph.input.add(), "mask", (1, 3))

    def no_input(writer: Writer) -> None:
        del writer.graph.input[:]

    def other_output(writer: Writer) -> None:
        writer.graph.output[0].name = "elsewhere"

    def integer_input(writer: Writer) -> None:
        writer.graph.input[0].type.tensor_type.elem_type = 2

    def flat_input(writer: Writer) -> None:
        del writer.graph.input[0].type.tensor_type.shape.dim[1:]

    def computed_weight(writer: Writer) -> None:
        writer.node("Conv").input[1] = writer.node("Conv").input[0]

    def no_weight(writer: Writer) -> None:
        del writer.node("Conv").input[1:]

    def unknown_weight(writer: Writer) -> None:
        writer.node("Conv").input[1] = "not there"

    def bias_for_weight(writer: Writer) -> None:
        writer.node("Conv").input[1] = writer.node("Conv").input[2]

    def other_bias(writer: Writer) -> None:
        writer.node("Gemm").input[2] = writer.node("Gemm", 1).input[2]

    def other_domain(writer: Writer) -> None:
        writer.node("Conv").domain = "com.microsoft"

    def add_image(writer: Writer) -> None:
        writer.node("Relu").op_type = "Add"

    def cast(to: int) -> Change:
        return inserted("Cast", to=to)

    def many_identities(writer: Writer) -> None:
        value = writer.node("Conv").input[1]
        for _ in range(20):
            value = writer.add("Identity", [value])
        writer.node("Conv").input[1] = value

    def pads_in_a_circle(writer: Writer) -> None:
        """Divide by what looks like torch's normalisation, with two Pads that take each other."""
        value = writer.node("Relu").output[0]
        pads = tuple([0, 0, 2, 0, 0] * 2)
        first = writer.add("Pad", [value], pads=pads)
        writer.node("Pad").input[0] = writer.add("Pad", [first], pads=pads)
        number = writer.constant("number", np.ones(1, np.float32))
        average = writer.add("AveragePool", [first], kernel_shape=(5, 1, 1))
        scaled = writer.add("Mul", [average, number])
        power = writer.add("Pow", [writer.add("Add", [scaled, number]), number])
        writer.add("Div", [value, power])

    def factors(count: int) -> Change:
        def change(writer: Writer) -> None:
            """Multiply again and again; every step keeps its numbers."""
            conv = writer.node("Conv")
            value = conv.input[0]
            numbers = writer.constant("numbers", np.ones((1 << 15, 1, 1), np.float32))
            for _ in range(count):
                value = writer.add("Mul", [value, numbers])
            conv.input[0] = value

        return change

    changes: dict[str, tuple[Change, str]] = {
        "without norm1": (
            without("LRN"),
            Title(": "),
        ),
        "without its norms": (
            lambda writer: (without("LRN")(writer), without("LRN")(writer)),
            Title(": "),
        ),
        "without the first relu": (without("Relu"), Title("conv1: relu is False")),
        "without pool5": (
            without("MaxPool", 2),
            r"its weight has shape \(6, 24\), an image needs \(6, 150\)",
        ),
        "without flattening": (without("Flatten"), "expected the image to be flattened"),
        "with one norm before its pool": (swapped, Title("after conv1: ")),
        "with a sigmoid": (inserted("Sigmoid"), "Sigmoid node .* not part of any AlexNet"),
        "with a relu twice": (inserted("Relu"), Title("^$")),
        "with batch normalisation": (inserted("BatchNormalization"), "it is that of training"),
        "with a loop": (inserted("Loop"), "Loop node .* not part of any AlexNet"),
        "quantised": (inserted("QuantizeLinear"), "quantised to integers"),
        "QLinearConv": (inserted("QLinearConv"), "quantised to integers"),
        "another domain": (other_domain, "com.microsoft.Conv node .* not part of any AlexNet"),
        "flattened in the middle": (inserted("Flatten", axis=1), "after the image was flattened"),
        "cast to integers": (cast(7), "cast to integers"),
        "an Add of the image": (add_image, "Add node .* not part of any AlexNet"),
        "a branch": (branch, "the graph branches here"),
        "its own input": (loop, "ends at 'data'|is not one of its outputs"),
        "a cycle": (cycle, "two values of the graph are called|branches|not one of its outputs"),
        "two nodes with one output": (shares_output, "two values of the graph are called"),
        "a node without outputs": (no_outputs, "has no output"),
        "two inputs": (second_input, "expected a graph with one input.*'mask'"),
        "no input": (no_input, "expected a graph with one input.*got none"),
        "another output": (other_output, "is not one of its outputs"),
        "an image of bytes": (integer_input, "elements of type number 2"),
        "an image of one axis": (flat_input, "has 1 axes"),
        "a computed weight": (computed_weight, "is not a constant|branches"),
        "no weight": (no_weight, "it has no weight"),
        "a weight that is not there": (unknown_weight, "'not there' is not a constant"),
        "a bias for a weight": (bias_for_weight, "expected 4 axes"),
        "the bias of another layer": (other_bias, r"its bias has shape \(5,\); expected \(6,\)"),
        "a weight behind 20 nodes": (many_identities, "is not a constant"),
        "32,768 factors": (factors(1), "needs a number for each of 3 channels"),
        "1000 times 32,768 factors": (factors(1000), "more than 256 steps"),
        "pads in a circle": (pads_in_a_circle, "the graph branches here"),
    }
    return {what: (changed(change), pattern) for what, (change, pattern) in changes.items()}


def _shapes() -> dict[str, tuple[bytes, str]]:
    """Reshapes and transpositions that are not what they should be."""
    features = TINY["caffe"].parameter_shapes()["fc6.weight"][1]

    def target(*sizes: int) -> Change:
        data = encode_tensor("OC2_DUMMY_0", np.array(sizes, np.int64), "raw")

        def change(writer: Writer) -> None:
            (shape,) = (t for t in writer.graph.initializer if t.name == "OC2_DUMMY_0")
            shape.Clear()
            shape.ParseFromString(data)

        return change

    def thirty_two_of_each(writer: Writer) -> None:
        value = writer.constant("nothing", np.zeros(0, np.int64))
        for _ in range(10):
            value = writer.add("Concat", [value] * 32, axis=0)
        writer.node("Reshape").input[1] = value

    reshape = Encoding(flatten="reshape")
    wrong = "expected \\(images, features\\)"
    corpus = {
        "a reshape to one axis": (changed(target(-1), reshape), wrong),
        "a reshape to four axes": (changed(target(1, features, 1, 1), reshape), wrong),
        "a reshape to two unknowns": (changed(target(-1, -1), reshape), wrong),
        "a reshape of a batch of 9": (changed(target(9, -1), reshape), wrong),
        "a reshape to no features": (changed(target(1, 0), reshape), wrong),
        "a reshape to other features": (changed(target(1, 25), reshape), "features of 25"),
        "a reshape of 2**62": (changed(target(1, 1 << 62), reshape), "features of"),
        "a reshape of 17 axes": (changed(target(*[1] * 17), reshape), "at most 16 numbers"),
        "a reshape to 32**10 times nothing": (changed(thirty_two_of_each, reshape), wrong),
        "a reshape that says zero images": (
            changed(lambda w: (target(0, -1)(w), attribute("Reshape", "allowzero", 1)(w)), reshape),
            wrong,
        ),
        "a weight transposed as an image": (
            changed(attribute("Transpose", "perm", (0, 1)), Encoding(linear="transpose")),
            "is not understood",
        ),
        "a weight reshaped to other numbers": (
            changed(
                lambda w: w.node("Reshape").input.__setitem__(
                    1, w.constant("wrong", np.array([7, 7], np.int64))
                ),
                Encoding(linear="reshape"),
            ),
            "cannot become",
        ),
        "a weight reshaped as the image is": (
            changed(
                lambda w: w.node("Reshape").input.__setitem__(
                    1, w.add("Shape", [w.graph.input[0].name])
                ),
                Encoding(linear="reshape"),
            ),
            "is not understood",
        ),
        "a weight cast to halves": (
            changed(
                lambda w: (
                    setattr(w.node("Transpose"), "op_type", "Cast"),
                    w.node("Cast").attribute.__delitem__(slice(None)),
                    set_attribute(w.node("Cast"), "to", 10),
                ),
                Encoding(linear="transpose"),
            ),
            "is not understood",
        ),
    }
    return corpus


_ALL = {**_unfit_attributes(), **_unfit_graphs(), **_shapes()}
CORPUS = {what: case for what, case in _ALL.items() if not isinstance(case[1], Title)}
OTHER_NETWORKS = {what: case for what, case in _ALL.items() if isinstance(case[1], Title)}
