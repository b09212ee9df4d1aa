"""Networks that are none of the named ones: the numbers that ONNX Runtime computes of the file."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
from synthesis.hostile.mutations import mutate
from synthesis.programs.onnx_chain import Chain, assert_equals_the_runtime, onnx, start, trunk

from alexnet_cy import AlexNet, WeightsError
from alexnet_cy.weights.loader import open_network


def one_channel():
    chain = start(channels=1)
    trunk(chain)
    return chain


def head_of_one():
    chain = start()
    trunk(chain)
    chain.add("Flatten")
    chain.add("Gemm", chain.draw(5, 108), chain.draw(5), transB=1)
    return chain


def global_average(op="GlobalAveragePool", **attributes):
    chain = start()
    trunk(chain)
    chain.add(op, **attributes)
    chain.add("Flatten")
    chain.add("Gemm", chain.draw(5, 12), transB=1)
    chain.add("Softmax", axis=1)
    return chain


def mean_of_axes():
    return global_average("ReduceMean", axes=[2, 3])


def convolutions_to_the_end():
    chain = start()
    trunk(chain)
    chain.conv(9, 12, 3)
    chain.add("Relu")
    chain.conv(5, 9, 1)
    chain.add("Softmax", axis=1)
    return chain


def convolutions_then_flat():
    chain = start()
    trunk(chain)
    chain.conv(9, 12, 3)
    chain.add("Relu")
    chain.conv(5, 9, 1)
    chain.add("Flatten")
    return chain


def batch_norm():
    chain = start(bias=False)
    positive = chain.constant(np.linspace(0.5, 2, 8, dtype=np.float32))
    chain.add("BatchNormalization", positive, chain.draw(8), chain.draw(8), positive)
    trunk(chain)
    return chain


def scaled():
    chain = start()
    chain.add("Mul", chain.draw(8, 1, 1))
    chain.add("Add", chain.draw(1, 8, 1, 1))
    trunk(chain)
    return chain


def mean_inside():
    chain = Chain([1, 3, 67, 67])
    chain.add("Sub", chain.constant(np.array([104, 117, 123], np.float32).reshape(3, 1, 1)))
    chain.add("Mul", chain.constant(np.float32(0.017)))
    chain.conv(8, 3, 11, strides=[4, 4])
    trunk(chain)
    return chain


def split_groups():
    chain = start()
    chain.relu_pool()
    parts = chain.add("Split", axis=1, outputs=2)
    made = []
    for part in parts:
        chain.value = part
        chain.conv(6, 4, 5, pads=[2] * 4)
        made.append(chain.value)
    chain.value = made[0]
    chain.add("Concat", made[1], axis=1)
    chain.add("Relu")
    return chain


def channels_last():
    chain = Chain([1, 67, 67, 3])
    chain.add("Transpose", perm=[0, 3, 1, 2])
    chain.conv(8, 3, 11, strides=[4, 4])
    trunk(chain)
    chain.add("Transpose", perm=[0, 2, 3, 1])
    chain.add("Reshape", chain.constant(np.array([-1, 108], np.int64)))
    chain.add("MatMul", chain.draw(108, 5))
    chain.add("Add", chain.draw(5))
    return chain


def fused():
    chain = start(op="FusedConv", domain="com.microsoft", activation="Relu")
    chain.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2])
    return chain


def same_padding():
    chain = Chain([1, 3, 67, 67])
    chain.conv(8, 3, 11, strides=[4, 4], auto_pad="SAME_UPPER")
    chain.relu_pool()
    chain.conv(12, 8, 4, auto_pad="SAME_LOWER")
    return chain


def relu_behind_the_pool():
    chain = start()
    chain.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2])
    chain.add("Relu")
    chain.add("Relu")
    return chain


CASES = [
    *(one_channel, head_of_one, global_average, mean_of_axes, convolutions_to_the_end),
    *(convolutions_then_flat, batch_norm, scaled, mean_inside, split_groups, channels_last),
    *(fused, same_padding, relu_behind_the_pool),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_a_network_is_what_its_file_says(case, tmp_path):
    chain = case()
    path = tmp_path / "network.onnx"
    chain.save(path)
    x = np.random.default_rng(1).uniform(0, 255, chain.shape).astype(np.float32)
    assert_equals_the_runtime(path, x)


def test_a_mean_in_the_graph_is_not_subtracted_twice(tmp_path):
    path = tmp_path / "network.onnx"
    mean_inside().save(path)
    net = AlexNet.load(path)
    grey = np.full((67, 67, 3), 128, np.uint8)
    assert (net.preprocess(grey) == 128).all()


def test_a_mean_before_padding_is_that_of_the_images(tmp_path):
    chain = Chain([1, 3, 67, 67])
    chain.add("Sub", chain.constant(np.array([104, 117, 123], np.float32).reshape(3, 1, 1)))
    chain.conv(8, 3, 11, strides=[4, 4], pads=[2] * 4)
    path = tmp_path / "network.onnx"
    chain.save(path)
    net = AlexNet.load(path)
    grey = np.full((67, 67, 3), 128, np.uint8)
    assert net.preprocess(grey)[0, :, 0, 0].tolist() == [24, 11, 5]


def test_a_mean_before_padding_of_one_channel_is_refused(tmp_path):
    chain = Chain([1, 1, 67, 67])
    chain.add("Sub", chain.constant(np.float32(117)))
    chain.conv(8, 1, 11, strides=[4, 4], pads=[2] * 4)
    path = tmp_path / "network.onnx"
    chain.save(path)
    with pytest.raises(WeightsError, match="mean 117 from images of 1 channels, which cannot"):
        AlexNet.load(path)


def test_torchvisions_arithmetic_in_the_graph_is_its_preset(tmp_path):
    chain = Chain([1, 3, 67, 67])
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    for op, values in (("Sub", mean), ("Div", std)):
        chain.add(op, chain.constant(np.array(values, np.float32).reshape(1, 3, 1, 1)))
    chain.conv(8, 3, 11, strides=[4, 4], pads=[2] * 4)
    path = tmp_path / "network.onnx"
    chain.save(path)
    assert AlexNet.load(path).preparation().preset.name == "torchvision"


def test_the_model_zoos_network_of_the_onnx_package():
    from pathlib import Path

    light = Path(onnx.__file__).parent / "backend/test/data/light/light_bvlc_alexnet.onnx"
    if not light.exists():
        pytest.skip("this onnx has no light models")
    x = np.random.default_rng(1).uniform(-100, 100, (1, 3, 224, 224)).astype(np.float32)
    net = assert_equals_the_runtime(light, x)
    assert net.variant.name == "caffe-like"
    assert [net.variant.shapes()[i].output_shape[1] for i in (0, 2, 5, 9)] == [54, 26, 12, 6]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimize": False},
        {"dynamo": False},
        {"dynamo": False, "opset_version": 9, "do_constant_folding": False},
        {"dynamo": False, "dynamic_axes": {"x": {0: "n"}}, "input_names": ["x"]},
    ],
    ids=["default", "unoptimised", "tracer", "opset9", "any batch"],
)
def test_what_torch_exports(options, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    nn = torch.nn
    torch.manual_seed(0)
    module = nn.Sequential(
        *(nn.Conv2d(3, 8, 11, 4), nn.ReLU(), nn.LocalResponseNorm(5, 1e-2, 0.75, 2.0)),
        *(nn.MaxPool2d(3, 2), nn.Conv2d(8, 12, 5, padding=2, groups=2), nn.BatchNorm2d(12)),
        *(nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(), nn.Linear(12 * 9, 5)),
    ).eval()
    path = tmp_path / "network.onnx"
    x = torch.randn(1, 3, 67, 67)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (x,), path, **options)
    net = assert_equals_the_runtime(path, x.numpy())
    assert net.variant.layer("norm1").k == 2


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_damage_is_a_network_or_a_weights_error(case, tmp_path):
    path = tmp_path / "network.onnx"
    case().save(path)
    original = path.read_bytes()
    outcomes = set()
    for number in range(60):
        path.write_bytes(mutate(original, random.Random(number)))
        try:
            network = open_network(path, allow_nonfinite=True)
            outcomes |= {tensor.read().dtype for tensor in network.tensors.values()}
        except WeightsError as error:
            outcomes.add(type(error))
    assert outcomes == {np.dtype(np.float32), WeightsError}
