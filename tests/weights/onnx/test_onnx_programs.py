"""ONNX files as ONNX Runtime, MATLAB and tf2onnx leave them, run by ONNX Runtime too."""

from __future__ import annotations

import numpy as np
import pytest
from synthesis.programs.onnx_chain import (
    Chain,
    assert_equals_the_runtime,
    onnx,
    onnxruntime,
    start,
    trunk,
)

from alexnet_cy import AlexNet, WeightsError

LEVELS = onnxruntime.GraphOptimizationLevel


def images(shape=(1, 3, 67, 67)):
    return np.random.default_rng(1).uniform(0, 255, shape).astype(np.float32)


def small_alexnet():
    """Normalisation, groups, and a head of two layers."""
    chain = start()
    chain.add("Relu")
    chain.add("LRN", size=5, alpha=1e-4, beta=0.75, bias=1.0)
    chain.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2])
    chain.conv(12, 4, 5, pads=[2] * 4, group=2)
    chain.relu_pool()
    chain.add("Flatten")
    chain.add("Gemm", chain.draw(9, 108), chain.draw(9), transB=1)
    chain.add("Relu")
    chain.add("Gemm", chain.draw(5, 9), chain.draw(5), transB=1)
    return chain


def optimised(path, level):
    """Write what ONNX Runtime makes of a model beside it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = level
    target = path.with_name("optimised.onnx")
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return target


@pytest.mark.parametrize("level", ["ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED"])
def test_what_onnx_runtime_optimises_is_read(level, tmp_path):
    path = tmp_path / "network.onnx"
    small_alexnet().save(path)
    found = optimised(path, getattr(LEVELS, level))
    if level == "ORT_ENABLE_EXTENDED":
        assert "FusedConv" in {node.op_type for node in onnx.load(found).graph.node}
    assert_equals_the_runtime(found, images())


def test_what_onnx_runtime_lays_out_for_a_machine_is_named(tmp_path):
    path = tmp_path / "network.onnx"
    small_alexnet().save(path)
    found = optimised(path, LEVELS.ORT_ENABLE_ALL)
    with pytest.raises(WeightsError, match="optimised by ONNX Runtime for one kind of machine"):
        AlexNet.load(found)


@pytest.mark.parametrize("keep_io_types", [False, True])
def test_numbers_of_16_bits(keep_io_types, tmp_path):
    float16 = pytest.importorskip("onnxruntime.transformers.float16")
    path = tmp_path / "network.onnx"
    chain = small_alexnet()
    chain.save(path)
    half = tmp_path / "half.onnx"
    model = float16.convert_float_to_float16(onnx.load(path), keep_io_types=keep_io_types)
    onnx.save(model, half)
    net, original = AlexNet.load(half), AlexNet.load(path)
    assert net.variant == original.variant
    for name, values in original.weights.items():
        assert (net.weights[name] == values.astype(np.float16)).all()


@pytest.mark.parametrize("way", ["dynamic", "qdq"])
def test_integers_are_refused(way, tmp_path):
    quantization = pytest.importorskip("onnxruntime.quantization")
    path, target = tmp_path / "network.onnx", tmp_path / "integers.onnx"
    small_alexnet().save(path)

    class Reader(quantization.CalibrationDataReader):
        batches = iter([{"x": images()}])

        def get_next(self):
            return next(self.batches, None)

    if way == "dynamic":
        quantization.quantize_dynamic(path, target)
    else:
        quantization.quantize_static(path, target, Reader())
    with pytest.raises(WeightsError, match=r"quantised to integers.*use the float32 model"):
        AlexNet.load(target)


def mean_of_every_pixel(channels_last, padding):
    """As MATLAB writes data_Mean."""
    chain = Chain([1, 67, 67, 3] if channels_last else [1, 3, 67, 67])
    mean = chain.random.uniform(80, 140, (3, 67, 67)).astype(np.float32)
    if channels_last:
        chain.add("Sub", chain.constant(mean.transpose(1, 2, 0).copy()))
        chain.add("Transpose", perm=[0, 3, 1, 2])
    else:
        chain.add("Sub", chain.constant(mean[None]))
    chain.conv(8, 3, 11, strides=[4, 4], pads=[padding] * 4)
    trunk(chain)
    return chain, mean


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("padding", [0, 2])
def test_a_mean_of_every_pixel_belongs_to_the_images(padding, channels_last, tmp_path):
    chain, mean = mean_of_every_pixel(channels_last, padding)
    path = tmp_path / "network.onnx"
    chain.save(path)
    with pytest.warns(UserWarning, match="a mean of its own from every pixel; its averages"):
        net = AlexNet.load(path)
    x = images()
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = x.transpose(0, 2, 3, 1) if channels_last else x
    expected = session.run(None, {"x": np.ascontiguousarray(given)})[0]
    last = net.variant.layers[-1].name
    found = net.forward(x - mean, [last])[last]
    assert np.abs(found - expected).max() <= 3e-5 * np.abs(expected).max()
    grey = np.full((67, 67, 3), 128, np.uint8)
    averages = mean.mean(axis=(1, 2), keepdims=True)
    expected = np.broadcast_to(128 - averages, (3, 67, 67))
    np.testing.assert_allclose(net.preprocess(grey)[0], expected, atol=1e-4)


def split(chain, axis, *, pads=2):
    parts = chain.add("Split", axis=axis, outputs=2)
    made = []
    for part in parts:
        chain.value = part
        if axis == 3:
            chain.add("Transpose", perm=[0, 3, 1, 2])
        chain.conv(6, 4, 5, pads=[pads] * 4)
        if axis == 3:
            chain.add("Transpose", perm=[0, 2, 3, 1])
        made.append(chain.value)
    chain.value = made[0]
    chain.add("Concat", made[1], axis=axis)


@pytest.mark.parametrize("transposed", ["everywhere", "once"])
def test_groups_that_are_split_with_the_channels_last(transposed, tmp_path):
    """tf2onnx leaves a Transpose about every convolution, until they meet and are taken out."""
    chain = Chain([1, 67, 67, 3])
    chain.add("Transpose", perm=[0, 3, 1, 2])
    chain.conv(8, 3, 11, strides=[4, 4])
    if transposed == "everywhere":
        chain.add("Transpose", perm=[0, 2, 3, 1])
        chain.add("Relu")
        chain.add("Transpose", perm=[0, 3, 1, 2])
        chain.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2])
        chain.add("Transpose", perm=[0, 2, 3, 1])
        split(chain, 3)
        chain.add("Add", chain.draw(12))
        chain.add("Relu")
    else:
        chain.relu_pool()
        split(chain, 1)
        chain.add("Add", chain.draw(1, 12, 1, 1))
        chain.add("Relu")
        chain.add("Transpose", perm=[0, 2, 3, 1])
    chain.add("Reshape", chain.constant(np.array([-1, 588], np.int64)))
    chain.add("MatMul", chain.draw(588, 5))
    chain.add("Add", chain.draw(5))
    path = tmp_path / "network.onnx"
    chain.save(path)
    net = assert_equals_the_runtime(path, images((1, 67, 67, 3)))
    assert net.variant.layer("conv2").groups == 2


@pytest.mark.parametrize("end", ["fc7", "its ReLU"])
def test_a_network_that_is_cut(end, tmp_path):
    chain = start()
    trunk(chain)
    chain.add("Flatten")
    chain.add("Gemm", chain.draw(9, 108), chain.draw(9), transB=1)
    if end == "its ReLU":
        chain.add("Relu")
    path = tmp_path / "network.onnx"
    chain.save(path)
    assert_equals_the_runtime(path, images())


def test_a_head_of_two_layers(tmp_path):
    path = tmp_path / "network.onnx"
    small_alexnet().save(path)
    net = assert_equals_the_runtime(path, images())
    assert [layer.name for layer in net.variant.layers[-3:]] == ["fc3", "fc4", "prob"]


def test_a_graph_that_contradicts_the_variant_asked_for_is_an_error(tmp_path):
    path = tmp_path / "network.onnx"
    small_alexnet().save(path)
    with pytest.raises(WeightsError) as raised:
        AlexNet.load(path, "caffe")
    assert "forces" not in str(raised.value)


def sigmoid():
    chain = small_alexnet()
    chain.add("Sigmoid")
    return chain


def sum_in_a_fused_convolution():
    chain = start()
    weights = chain.draw(8, 8, 1, 1), chain.draw(8), chain.draw(1, 8, 15, 15)
    chain.add("FusedConv", *weights, domain="com.microsoft", activation="Relu")
    return chain


def softmax_over_the_width():
    chain = start()
    chain.conv(5, 8, 1)
    chain.add("Softmax", axis=-1)
    return chain


def parts_that_pad_too_much():
    chain = start()
    chain.relu_pool()
    split(chain, 1, pads=5)
    return chain


def relu_of_an_average():
    chain = start()
    chain.relu_pool()
    chain.conv(6, 8, 1)
    chain.add("GlobalAveragePool")
    chain.add("Relu")
    return chain


def mean_of_columns():
    chain = Chain([1, 3, 67, 67])
    chain.add("Sub", chain.draw(1, 1, 67))
    chain.conv(8, 3, 11, strides=[4, 4])
    return chain


def negative_variance():
    chain = start()
    ones = chain.constant(np.ones(8, np.float32))
    chain.add("BatchNormalization", ones, ones, ones, chain.constant(-np.ones(8, np.float32)))
    return chain


def division_by_zero():
    chain = Chain([1, 3, 67, 67])
    chain.add("Div", chain.constant(np.float32(0)))
    chain.conv(8, 3, 11, strides=[4, 4])
    return chain


REFUSED = {
    negative_variance: r"its numbers must be finite, no divisor zero and no variance negative",
    division_by_zero: r"Div node .* its numbers must be finite, no divisor zero",
    mean_of_columns: r"Sub node .* shape \(1, 1, 67\); expected one for a channel",
    relu_of_an_average: r"Relu node .* not behind a convolution or fully connected layer",
    sigmoid: r"Sigmoid node .* not part of any AlexNet",
    sum_in_a_fused_convolution: r"FusedConv node .* it adds another value",
    softmax_over_the_width: r"Softmax node .* axis: expected 1, got -1",
    parts_that_pad_too_much: r"padding: need less than the kernel",
}


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.__name__)
def test_what_no_alexnet_computes(case, tmp_path):
    path = tmp_path / "network.onnx"
    case().save(path)
    with pytest.raises(WeightsError, match=REFUSED[case]):
        AlexNet.load(path)
