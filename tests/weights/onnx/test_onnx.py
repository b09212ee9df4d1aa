"""ONNX models: the same bits from every form, and the numbers that ONNX Runtime computes."""

from __future__ import annotations

import numpy as np
import pytest
from synthesis.narrow import narrow
from synthesis.networks import TINY, random_tensors
from synthesis.programs.onnx_changes import attribute, changed
from synthesis.programs.onnx_files import Encoding, Writer, write_onnx
from synthesis.programs.onnx_runs import as_read, assert_same_bits, random_images, run
from synthesis.seed_files.onnx import ENCODINGS

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.variants import VARIANTS
from alexnet_cy.oracle.network import forward
from alexnet_cy.weights import open_network
from alexnet_cy.weights.onnx import write as onnx_write
from alexnet_cy.weights.onnx.read import read

# What ONNX Runtime runs: it wants weights of the type of the image, and no opset before 7.
RUNNABLE = [
    name
    for name, encoding in ENCODINGS.items()
    if encoding.opset >= 7 and encoding.numbers in ("raw", "unpacked")
]


@pytest.mark.parametrize("variant", VARIANTS)
def test_our_models_run_in_onnx_runtime(variant, tmp_path):
    network = narrow(variant)
    tensors = random_tensors(network)
    path = tmp_path / "ours.onnx"
    onnx_write.write(path, variant, tensors)
    images = random_images(network.input_size, count=2)
    expected = forward(network, tensors, images)
    assert np.ptp(expected) > 0.01
    assert read(path).variant.removesuffix("-like") == variant
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
    assert read(path).variant.removesuffix("-like") == variant
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
        assert read(path).variant.removesuffix("-like") == variant
        results[variant] = run(path, images)
    assert np.abs(results["caffe"] - results["caffenet"]).max() > 1e-3


def test_floor_mode_is_ceil_mode_where_the_windows_fit(tmp_path):
    """227 pixels become 55, 27, 13 and 6: no window hangs over."""
    path = tmp_path / "floor.onnx"
    flip = attribute("MaxPool", "ceil_mode", 0)
    path.write_bytes(changed(flip, Encoding(input_size=(227, 227))))
    assert read(path).variant.removesuffix("-like") == "caffe"


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
    with pytest.raises(WeightsError, match="images of 448x416; they must be square"):
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
    assert read(path).variant.removesuffix("-like") == "caffe"


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
            path,
            TINY["caffe"],
            {name: np.asfortranarray(values) for name, values in tensors.items()},
        )
        assert_same_bits(path, tensors)
