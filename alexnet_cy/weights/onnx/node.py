"""One node of an ONNX graph, with its attributes by name and type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.onnx.messages import ATTRIBUTE_TYPES

if TYPE_CHECKING:
    from alexnet_cy.weights.files import WeightsFile

__all__ = ["Node", "quoted"]

_MAX_CHARACTERS = 80

_STANDARD_DOMAINS = ("", "ai.onnx")

_WINDOW = ("auto_pad", "dilations", "kernel_shape", "pads", "strides")

# What the ops of an AlexNet may be told, in any opset from 1 on. A setting that is not listed might
# change what the node does, so it is refused.
_KNOWN_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), ("axis", "broadcast", "consumed_inputs")),
    "AveragePool": (*_WINDOW, "ceil_mode", "count_include_pad"),
    "BatchNormalization": (
        *("consumed_inputs", "epsilon", "is_test", "momentum", "spatial", "training_mode"),
    ),
    "Cast": ("saturate", "to"),
    "Concat": ("axis",),
    "Conv": (*_WINDOW, "group"),
    "Flatten": ("axis",),
    "Gemm": ("alpha", "beta", "broadcast", "transA", "transB"),
    "GlobalAveragePool": (),
    "LRN": ("alpha", "beta", "bias", "size"),
    "MatMul": (),
    "MaxPool": (*_WINDOW, "ceil_mode", "storage_order"),
    "Pad": ("mode", "pads", "value"),
    "Pow": ("axis", "broadcast"),
    "ReduceMean": ("axes", "keepdims", "noop_with_empty_axes"),
    "Relu": ("consumed_inputs",),
    "Reshape": ("allowzero", "consumed_inputs", "shape"),
    "Softmax": ("axis",),
    "Split": ("axis", "num_outputs", "split"),
    "Squeeze": ("axes",),
    "Transpose": ("perm",),
    "com.microsoft.FusedConv": (*_WINDOW, "activation", "group"),
    "com.microsoft.FusedGemm": ("activation", "alpha", "beta", "transA", "transB"),
}


def quoted(name: str) -> str:
    """Return a name of the file as error messages show it: in quotes, and not too long."""
    return repr(name if len(name) <= _MAX_CHARACTERS else f"{name[:_MAX_CHARACTERS]}...")


class Node:
    """A node of the graph.

    Parameters
    ----------
    file : WeightsFile
        Where it is.
    message : NodeProto
        As `wire.read_message` returns it.

    Attributes
    ----------
    op : str
        Type of the node; with the domain before it if that is not the standard one.
    inputs, outputs : tuple of str
        Names of the values; "" stands for an input that is left out.
    label : str
        What error messages call it.

    Raises
    ------
    WeightsError
        An attribute comes twice, or may mean anything.
    """

    def __init__(self, file: WeightsFile, message: Any) -> None:
        standard = message.domain in _STANDARD_DOMAINS
        self.op = message.op_type if standard else f"{message.domain}.{message.op_type}"
        self.inputs: tuple[str, ...] = tuple(message.input)
        self.outputs: tuple[str, ...] = tuple(message.output)
        name = message.name or (self.outputs[0] if self.outputs else "")
        self.label = f"{self.op[:_MAX_CHARACTERS]} node {quoted(name)}"
        self._where = f"{file.path!r}: {self.label}"
        self._attributes = {attribute.name: attribute for attribute in message.attribute}
        if len(self._attributes) != len(message.attribute):
            raise WeightsError(f"{self._where}: it has two attributes of the same name")
        known = _KNOWN_ATTRIBUTES.get(self.op)
        for name in self._attributes:
            if known is not None and name not in known:
                raise WeightsError(f"{self._where}: its attribute {quoted(name)} is not known")

    def error(self, problem: str) -> WeightsError:
        """Return an error that names the file and the node."""
        return WeightsError(f"{self._where}: {problem}")

    def integer(self, name: str, default: int) -> int:
        """Return an integer attribute."""
        attribute = self._attribute(name, "i")
        return default if attribute is None else int(attribute.i)

    def number(self, name: str, default: float) -> float:
        """Return a floating-point attribute."""
        attribute = self._attribute(name, "f")
        return default if attribute is None else float(attribute.f)

    def integers(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """Return an attribute that is a list of integers."""
        attribute = self._attribute(name, "ints")
        return default if attribute is None else tuple(attribute.ints)

    def text(self, name: str, default: str) -> str:
        """Return a text attribute."""
        attribute = self._attribute(name, "s")
        return default if attribute is None else attribute.s.decode("ascii", "replace")

    def tensor(self, name: str) -> Any:
        """Return the TensorProto of an attribute, None if it has none."""
        attribute = self._attribute(name, "t")
        return None if attribute is None else attribute.t

    def graph_ops(self, name: str) -> tuple[str, ...]:
        """Return the ops of an attribute that is a graph; none if there is none."""
        attribute = self._attribute(name, "g")
        return () if attribute is None else tuple(node.op_type for node in attribute.g.node)

    def _attribute(self, name: str, field: str) -> Any:
        """Return the attribute if it is there; it must be of the type that `field` holds."""
        attribute = self._attributes.get(name)
        if attribute is None:
            return None
        # IR version 1 had no type: what is there tells.
        is_list = field == "ints"
        found = len(attribute.ints) > 0 if is_list else attribute.HasField(field)
        if attribute.type != ATTRIBUTE_TYPES[field] and (attribute.type or not found):
            raise self.error(f"its attribute {name!r} is of another type than {field!r}")
        return attribute
