"""ONNX models: the same bits from every form, and the numbers that ONNX Runtime computes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthesis.narrow import narrow
from synthesis.networks import TINY, random_tensors
from synthesis.onnx_changes import attribute, changed
from synthesis.onnx_files import Encoding, Writer, write_onnx
from synthesis.seed_onnx import ENCODINGS

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.variants import VARIANTS
from alexnet_cy.reference import forward
from alexnet_cy.weights import onnx_write, open_network
from alexnet_cy.weights.onnx_file import read

if TYPE_CHECKING:
    from pathlib import Path

# What ONNX Runtime runs: it wants weights of the type of the image, and no opset before 7.
RUNNABLE = [
    name
    for name, encoding in ENCODINGS.items()
    if encoding.opset >= 7 and encoding.numbers in ("raw", "unpacked")
]


def random_images(size: int, count: int = 1) -> np.ndarray:
    shape = (count, 3, size, size)
    return np.random.default_rng(3).uniform(-100, 100, shape).astype(np.float32)


def run(path: Path, images: np.ndarray) -> np.ndarray:
    """Return what ONNX Runtime computes."""
    onnxruntime = pytest.importorskip("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # it warns that weights listed as inputs cannot be folded
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {session.get_inputs()[0].name: images})
    return result


def assert_same_bits(path: Path, tensors: dict[str, np.ndarray]) -> None:
    found = read(path).tensors
    assert list(found) == list(tensors)
    for name, values in tensors.items():
        assert found[name].read().tobytes() == values.tobytes(), name


def as_read(path: Path) -> dict[str, np.ndarray]:
    return {name: tensor.read() for name, tensor in read(path).tensors.items()}


@pytest.mark.parametrize("variant", VARIANTS)
def test_our_models_run_in_onnx_runtime(variant, tmp_path):
    network = narrow(variant)
    tensors = random_tensors(network)
    path = tmp_path / "ours.onnx"
    onnx_write.write(path, variant, tensors)
    images = random_images(network.input_size, count=2)
    expected = forward(network, tensors, images)
    assert np.ptp(expected) > 0.01
    assert read(path).variant == variant
    assert_same_bits(path, tensors)
    np.testing.assert_allclose(run(path, images), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_our_models_are_sound(variant, tmp_path):
    onnx = pytest.importorskip("onnx")
    path = tmp_path / "ours.onnx"
    onnx_write.write(path, variant, random_tensors(narrow(variant)))
    onnx.checker.check_model(onnx.load(path), full_check=True)


@pytest.mark.parametrize("variant", ["caffe", "caffenet", "torchvision"])
@pytest.mark.parametrize("encoding", RUNNABLE)
def test_models_of_other_programs_give_the_same_numbers(encoding, variant, tmp_path):
    network = narrow(variant)
    tensors = random_tensors(network)
    path = write_onnx(tmp_path / "network.onnx", network, tensors, ENCODINGS[encoding])
    height, _ = ENCODINGS[encoding].input_size or (network.input_size,) * 2
    images = random_images(height if isinstance(height, int) else network.input_size)
    last = "prob" if ENCODINGS[encoding].softmax else "fc8"
    expected = forward(network, as_read(path), images, layers=[last])[last]
    assert read(path).variant == variant
    assert_same_bits(path, tensors)
    np.testing.assert_allclose(run(path, images), expected, rtol=1e-4, atol=1e-5 * np.ptp(expected))


@pytest.mark.parametrize("size", [224, 227])
@pytest.mark.parametrize("pool", ["ceil_mode", "pads"])
def test_both_ways_to_pool_agree_at_both_sizes(pool, size, tmp_path):
    network = narrow("caffe")
    tensors = random_tensors(network)
    encoding = Encoding(pool=pool, input_size=(size, size))
    path = write_onnx(tmp_path / "network.onnx", network, tensors, encoding)
    images = random_images(size)
    np.testing.assert_allclose(
        run(path, images), forward(network, as_read(path), images), rtol=1e-4, atol=1e-6
    )
    assert read(path).metadata["input_size"] == f"{size}x{size}"


def test_the_order_of_norm_and_pool_tells_alexnet_from_caffenet(tmp_path):
    tensors = random_tensors(narrow("caffe"))
    images = random_images(227)
    results = {}
    for variant in ("caffe", "caffenet"):
        path = tmp_path / f"{variant}.onnx"
        onnx_write.write(path, variant, tensors)
        assert read(path).variant == variant
        results[variant] = run(path, images)
    assert np.abs(results["caffe"] - results["caffenet"]).max() > 1e-3


def test_floor_mode_is_ceil_mode_where_the_windows_fit(tmp_path):
    """227 pixels become 55, 27, 13 and 6: no window hangs over."""
    path = tmp_path / "floor.onnx"
    flip = attribute("MaxPool", "ceil_mode", 0)
    path.write_bytes(changed(flip, Encoding(input_size=(227, 227))))
    assert read(path).variant == "caffe"


def test_the_average_of_squares_is_an_adaptive_pool_if_they_fill_the_image(tmp_path):
    """448 pixels become 111, 55, 27 and 13 in front of the pool; 416 become 12: two by two."""
    network = narrow("torchvision")
    encoding = Encoding(average_pool=True, softmax=False, input_size=(416, 416))
    writer = Writer(network, random_tensors(network), encoding)
    for name in ("kernel_shape", "strides"):
        attribute("AveragePool", name, (2, 2))(writer)
    path = tmp_path / "average.onnx"
    path.write_bytes(writer.model.SerializeToString())
    images = random_images(416)
    expected = forward(network, as_read(path), images, layers=["fc8"])["fc8"]
    other_size = writer.model.SerializeToString().replace(b"\x08\xa0\x03", b"\x08\xc0\x03", 1)
    other_path = tmp_path / "other.onnx"
    other_path.write_bytes(other_size)
    with pytest.raises(WeightsError, match=r"squares of \(2, 2\) pixels: expected \(6, 6\)"):
        read(other_path)
    np.testing.assert_allclose(run(path, images), expected, rtol=1e-4, atol=1e-5)


def test_a_layer_without_bias_adds_nothing(tmp_path):
    network = TINY["caffe"]
    writer = Writer(network, random_tensors(network), Encoding())
    for node in (writer.node("Conv"), writer.node("Gemm")):
        del node.input[2]
    path = tmp_path / "unbiased.onnx"
    path.write_bytes(writer.model.SerializeToString())
    tensors = open_network(path, network).tensors
    assert tensors["conv1.bias"].read().tolist() == [0, 0, 0, 0]
    assert tensors["fc6.bias"].read().tolist() == [0] * 6
    assert tensors["fc7.bias"].read().any()


def test_attributes_may_have_no_type(tmp_path):
    """Until IR version 1 the type of an attribute was not stored."""
    network = TINY["caffe"]
    writer = Writer(network, random_tensors(network), Encoding())
    for node in writer.graph.node:
        for value in node.attribute:
            value.ClearField("type")
    path = tmp_path / "untyped.onnx"
    path.write_bytes(writer.model.SerializeToString())
    assert read(path).variant == "caffe"


class TestWithOnnx:
    """Files that the onnx package writes, by its own field numbers."""

    @pytest.fixture
    def onnx(self):
        return pytest.importorskip("onnx")

    @pytest.mark.parametrize("raw", [True, False])
    @pytest.mark.parametrize("kind", ["FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE"])
    def test_its_tensors_are_read(self, kind, raw, tmp_path, onnx):
        network = narrow("caffe")
        tensors = random_tensors(network)
        path = write_onnx(tmp_path / "network.onnx", network, tensors, Encoding())
        model = onnx.load(path)
        data_type = getattr(onnx.TensorProto, kind)
        numpy_type = onnx.helper.tensor_dtype_to_np_dtype(data_type)
        expected = {}
        for tensor, (name, values) in zip(model.graph.initializer, tensors.items(), strict=True):
            stored = values.astype(numpy_type)
            content = stored.tobytes() if raw else stored.ravel()
            tensor.CopyFrom(
                onnx.helper.make_tensor(tensor.name, data_type, values.shape, content, raw=raw)
            )
            expected[name] = stored.astype(np.float32)
        onnx.save(model, path)
        assert_same_bits(path, expected)

    def test_a_network_by_its_helpers_is_read(self, tmp_path, onnx):
        network = narrow("caffe")
        tensors = random_tensors(network)
        path = tmp_path / "helpers.onnx"
        onnx.save(model_by_helpers(onnx, tensors), path)
        images = random_images(224)
        expected = forward(network, as_read(path), images)
        np.testing.assert_allclose(run(path, images), expected, rtol=1e-4, atol=1e-6)
        assert_same_bits(path, tensors)
        assert read(path).metadata == {
            "opset": "9",
            "producer": "helpers 2.0",
            "input_size": "224x224",
        }

    def test_external_data_are_refused_and_not_opened(self, tmp_path, onnx):
        path = tmp_path / "external.onnx"
        model = model_by_helpers(onnx, random_tensors(narrow("caffe")))
        onnx.save_model(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
        with pytest.raises(WeightsError, match=r"in another file.*save_as_external_data=False"):
            read(path)

    def test_it_reads_our_metadata(self, tmp_path, onnx):
        path = tmp_path / "ours.onnx"
        tensors = random_tensors(TINY["caffe"])
        onnx_write.write(path, "caffe", tensors, {"origin": "a test"})
        noted = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        assert noted == {"origin": "a test", "alexnet_cy.variant": "caffe"}
        assert noted.items() <= read(path).metadata.items()


def model_by_helpers(onnx: Any, tensors: dict[str, np.ndarray]) -> Any:
    """Write BVLC AlexNet as the zoo has it, with nothing of this package."""
    helper = onnx.helper
    names = {name: name.replace(".weight", "_w_0").replace(".bias", "_b_0") for name in tensors}
    norm = {"size": 5, "alpha": 9.999999747378752e-05, "beta": 0.75, "bias": 1.0}
    pool = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]}
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("Conv", "conv1", {"kernel_shape": [11, 11], "strides": [4, 4], "pads": [0] * 4}),
        ("Relu", "", {}),
        ("LRN", "", norm),
        ("MaxPool", "", pool),
        ("Conv", "conv2", {"kernel_shape": [5, 5], "pads": [2] * 4, "group": 2}),
        ("Relu", "", {}),
        ("LRN", "", norm),
        ("MaxPool", "", pool),
        ("Conv", "conv3", {"kernel_shape": [3, 3], "pads": [1] * 4}),
        ("Relu", "", {}),
        ("Conv", "conv4", {"kernel_shape": [3, 3], "pads": [1] * 4, "group": 2}),
        ("Relu", "", {}),
        ("Conv", "conv5", {"kernel_shape": [3, 3], "pads": [1] * 4, "group": 2}),
        ("Relu", "", {}),
        ("MaxPool", "", pool),
        ("Flatten", "", {}),
        ("Gemm", "fc6", {"transB": 1}),
        ("Relu", "", {}),
        ("Dropout", "", {"ratio": 0.5}),
        ("Gemm", "fc7", {"transB": 1}),
        ("Relu", "", {}),
        ("Dropout", "", {"ratio": 0.5}),
        ("Gemm", "fc8", {"transB": 1}),
        ("Softmax", "", {"axis": 1}),
    ]
    nodes = []
    value = "data_0"
    for number, (op, layer, attributes) in enumerate(steps):
        weights = [names[f"{layer}.weight"], names[f"{layer}.bias"]] if layer else []
        output = f"{op.lower()}_{number}"
        nodes.append(helper.make_node(op, [value, *weights], [output], **attributes))
        value = output
    graph = helper.make_graph(
        nodes,
        "bvlcalexnet",
        [helper.make_tensor_value_info("data_0", onnx.TensorProto.FLOAT, [1, 3, 224, 224])],
        [helper.make_tensor_value_info(value, onnx.TensorProto.FLOAT, [1, 7])],
        [onnx.numpy_helper.from_array(values, names[name]) for name, values in tensors.items()],
    )
    return helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 9)],
        ir_version=4,
        producer_name="helpers",
        producer_version="2.0",
    )


class TestWithTorch:
    """Exports of torch's own tracer, which needs no other package."""

    @pytest.fixture
    def torch(self):
        module = pytest.importorskip("torch")
        pytest.importorskip("onnx")  # the exporter looks its model through with it
        return module

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"dynamic_axes": {"x": {0: "batch"}}},
            {"opset_version": 9, "keep_initializers_as_inputs": True},
            {"do_constant_folding": False},
        ],
        ids=["default", "any-batch", "opset9", "unfolded"],
    )
    @pytest.mark.parametrize("flatten", ["flatten", "view"])
    def test_its_exports_are_read(self, flatten, options, tmp_path, torch):
        network = narrow("torchvision")
        tensors = random_tensors(network)
        module = as_torch_module(torch, network, tensors, flatten).eval()
        path = tmp_path / "exported.onnx"
        images = random_images(224)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says that it is deprecated
            torch.onnx.export(
                module, torch.from_numpy(images), path, dynamo=False, input_names=["x"], **options
            )
        assert read(path).variant == "torchvision"
        assert_same_bits(path, tensors)
        with torch.no_grad():
            logits = module(torch.from_numpy(images)).numpy()
        expected = forward(network, as_read(path), images, layers=["fc8"])["fc8"]
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4 * np.ptp(expected))


def as_torch_module(torch: Any, network: Any, tensors: dict[str, np.ndarray], flatten: str) -> Any:
    """Return torchvision's AlexNet, with other numbers of channels."""
    nn = torch.nn
    channels = [3, *(tensors[f"conv{i}.bias"].size for i in range(1, 6))]
    features = [tensors["fc6.weight"].shape[1], *(tensors[f"fc{i}.bias"].size for i in (6, 7, 8))]
    settings = [(11, 4, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1)]

    class AlexNet(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            layers: list[Any] = []
            for i, (size, stride, padding) in enumerate(settings):
                layers += [nn.Conv2d(channels[i], channels[i + 1], size, stride, padding)]
                layers += [nn.ReLU(inplace=True)]
                layers += [nn.MaxPool2d(3, 2)] if i in (0, 1, 4) else []
            self.features = nn.Sequential(*layers)
            self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
            self.classifier = nn.Sequential(
                nn.Dropout(),
                nn.Linear(features[0], features[1]),
                nn.ReLU(inplace=True),
                nn.Dropout(),
                nn.Linear(features[1], features[2]),
                nn.ReLU(inplace=True),
                nn.Linear(features[2], features[3]),
            )

        def forward(self, x: Any) -> Any:
            x = self.avgpool(self.features(x))
            x = torch.flatten(x, 1) if flatten == "flatten" else x.view(x.size(0), features[0])
            return self.classifier(x)

    module = AlexNet()
    values = (torch.from_numpy(array) for array in tensors.values())
    module.load_state_dict(dict(zip(module.state_dict(), values, strict=True)))
    return module


class TestWriter:
    """What the writer refuses."""

    def test_a_missing_tensor(self, tmp_path):
        tensors = random_tensors(TINY["caffe"])
        del tensors["conv2.bias"], tensors["fc8.weight"]
        with pytest.raises(ValueError, match=r"has no conv2\.bias and no fc8\.weight"):
            onnx_write.write(tmp_path / "x.onnx", "caffe", tensors)
        assert list(tmp_path.iterdir()) == []

    def test_another_number_format(self, tmp_path):
        tensors = random_tensors(TINY["caffe"])
        tensors["fc6.bias"] = tensors["fc6.bias"].astype(np.float64)
        with pytest.raises(TypeError, match=r"tensors\['fc6\.bias'\] must be a float32 array"):
            onnx_write.write(tmp_path / "x.onnx", "caffe", tensors)

    def test_another_variant(self, tmp_path):
        with pytest.raises(ValueError, match="variant must be one of caffe, "):
            onnx_write.write(tmp_path / "x.onnx", "vgg", {})

    def test_a_directory_that_is_not_there(self, tmp_path):
        with pytest.raises(OSError, match="nowhere"):
            onnx_write.write(
                tmp_path / "nowhere" / "x.onnx", "caffe", random_tensors(TINY["caffe"])
            )

    def test_arrays_of_any_layout_are_written(self, tmp_path):
        tensors = random_tensors(TINY["caffe"])
        path = tmp_path / "x.onnx"
        onnx_write.write(
            path, "caffe", {name: np.asfortranarray(values) for name, values in tensors.items()}
        )
        assert_same_bits(path, tensors)
