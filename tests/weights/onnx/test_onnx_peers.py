"""ONNX models that other packages write: onnx by its helpers, torch by its tracer."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from synthesis.narrow import narrow
from synthesis.networks import TINY, random_tensors
from synthesis.programs.onnx_files import Encoding, write_onnx
from synthesis.programs.onnx_runs import as_read, assert_same_bits, random_images, run
from synthesis.programs.torch_module import as_torch_module

from alexnet_cy import AlexNet
from alexnet_cy.errors import WeightsError
from alexnet_cy.network.description import described_network
from alexnet_cy.oracle.network import forward
from alexnet_cy.weights.onnx import write as onnx_write
from alexnet_cy.weights.onnx.read import read


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

    def test_external_data_beside_the_model_are_read(self, tmp_path, onnx):
        path = tmp_path / "external.onnx"
        tensors = random_tensors(narrow("caffe"))
        model = model_by_helpers(onnx, tensors)
        onnx.save_model(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
        assert_same_bits(path, tensors)
        (tmp_path / "w.bin").rename(tmp_path / "elsewhere")
        with pytest.raises(WeightsError, match="is not there: it belongs beside the model"):
            read(path)
        (tmp_path / "w.bin").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(WeightsError, match="is no regular file"):
            read(path)
        (tmp_path / "w.bin").unlink()
        (tmp_path / "w.bin").write_bytes((tmp_path / "elsewhere").read_bytes()[:-1])
        with pytest.raises(WeightsError, match=r"bytes .* of .*w\.bin', which has"):
            read(path)

    def test_external_data_that_change_are_another_network(self, tmp_path, onnx):
        path = tmp_path / "external.onnx"
        model = model_by_helpers(onnx, random_tensors(narrow("caffe")))
        onnx.save_model(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
        net, unread = AlexNet.load(path), AlexNet.load(path)
        x = random_images(224)
        before, sent = net.forward(x), pickle.dumps(net)
        assert (pickle.loads(sent).forward(x) == before).all()
        assert len(sent) < 4 * sum(array.size for array in net.weights.values())
        hash_before = net.identity()
        with open(tmp_path / "w.bin", "r+b") as stream:
            stream.write(b"\x00\x00\x80\x3f" * 16)
        with pytest.raises(WeightsError, match="gone or has been changed since"):
            pickle.loads(sent)
        with pytest.raises(WeightsError, match=r"w\.bin': has been changed since it was opened"):
            unread.forward(x)
        assert AlexNet.load(path).identity() != hash_before

    def test_it_reads_our_metadata(self, tmp_path, onnx):
        path = tmp_path / "ours.onnx"
        tensors = random_tensors(TINY["caffe"])
        onnx_write.write(path, TINY["caffe"], tensors, {"origin": "a test"})
        noted = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
        described = noted.pop("alexnet_cy.network")
        assert described_network(described) == TINY["caffe"]
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
        module = as_torch_module(torch, tensors, flatten).eval()
        path = tmp_path / "exported.onnx"
        images = random_images(224)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it says that it is deprecated
            torch.onnx.export(
                module, torch.from_numpy(images), path, dynamo=False, input_names=["x"], **options
            )
        assert read(path).variant.removesuffix("-like") == "torchvision"
        assert_same_bits(path, tensors)
        with torch.no_grad():
            logits = module(torch.from_numpy(images)).numpy()
        expected = forward(network, as_read(path), images, layers=["fc8"])["fc8"]
        np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4 * np.ptp(expected))
