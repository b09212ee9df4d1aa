"""Caffe networks that are none of the named ones, beside the same arithmetic in NumPy."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.programs.caffe_files import Encoding, Layer, describe, encode

from alexnet_cy import AlexNet, WeightsError
from alexnet_cy.oracle.definitions import relu
from alexnet_cy.oracle.network import forward

if TYPE_CHECKING:
    from pathlib import Path

CAFFE = TINY["caffe"]
TENSORS = random_tensors(CAFFE)
X = np.random.default_rng(3).uniform(-100, 100, (2, 3, 47, 47)).astype(np.float32)


def layers_of() -> list[Layer]:
    return describe(CAFFE, TENSORS, Encoding())


def load(directory: Path, layers: list[Layer], head: str | None = None) -> AlexNet:
    path = directory / "network.caffemodel"
    path.write_bytes(encode(layers, Encoding()))
    return AlexNet.load(path, head=head)


def called(layers: list[Layer], name: str) -> Layer:
    return next(layer for layer in layers if layer.name == name)


def assert_near(found: np.ndarray, exact: np.ndarray) -> None:
    assert found.shape == exact.shape
    assert np.abs(found - exact).max() <= 3e-5 * np.abs(exact).max()


def oracle(layer: str, x: np.ndarray = X) -> np.ndarray:
    return forward(CAFFE, TENSORS, x, [layer])[layer]


def test_net_surgery_and_a_map_of_classes(tmp_path: Path) -> None:
    layers = layers_of()
    for name in ("fc6", "fc7", "fc8"):
        layer = called(layers, name)
        weight = layer.blobs[0]
        side = 2 if name == "fc6" else 1
        layer.type = "Convolution"
        layer.blobs[0] = weight.reshape(len(weight), -1, side, side)
        layer.settings = {"convolution_param": {"num_output": len(weight), "kernel_size": [side]}}
    net = load(tmp_path, layers)
    assert [type(x).__name__ for x in net.variant.layers[-4:]] == ["Conv"] * 3 + ["Softmax"]
    small = net.variant.input_size
    x = np.random.default_rng(4).uniform(-9, 9, (1, 3, 79, 79)).astype(np.float32)
    found = net.forward(x)
    assert found.shape[:2] == (1, 3)
    assert found.shape[2] > 1
    one = forward(net.variant, dict(net.weights), x[:, :, :small, :small])
    assert_near(net.forward(np.ascontiguousarray(x[:, :, :small, :small])), one)
    assert_near(found, forward(net.variant, dict(net.weights), x))
    assert_near(net.forward(X, ["fc8"])["fc8"][:, :, 0, 0], oracle("fc8"))


def test_the_trunk_alone(tmp_path: Path) -> None:
    layers = layers_of()
    place = layers.index(called(layers, "pool5")) + 1
    net = load(tmp_path, layers[:place])
    assert net.variant.layers[-1].name == "pool5"
    assert_near(net.forward(X), oracle("pool5"))


@pytest.mark.parametrize("head", ["fc8_age", "fc8_gender"])
def test_two_heads(tmp_path: Path, head: str) -> None:
    layers = [layer for layer in layers_of() if layer.name != "prob"]
    fc8 = called(layers, "fc8")
    fc8.name, fc8.tops = "fc8_age", ["fc8_age"]
    gender = Layer("fc8_gender", "InnerProduct", fc8.bottoms, ["fc8_gender"], fc8.settings, [])
    gender.blobs = [-fc8.blobs[0], fc8.blobs[1]]
    with pytest.raises(WeightsError, match=r"'fc8_age', 'fc8_gender'.*head= chooses one"):
        load(tmp_path, [*layers, gender])
    net = load(tmp_path, [*layers, gender], head)
    sign = 1 if head == "fc8_age" else -1
    assert (net.weights["fc8.weight"] == sign * TENSORS["fc8.weight"]).all()
    assert net.variant.num_classes == 3


def test_batch_norm_and_scale_are_folded(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    mean, variance, gamma, beta = (random.uniform(0.5, 2, 4).astype(np.float32) for _ in range(4))
    factor = np.array([4], np.float32)
    layers = layers_of()
    place = layers.index(called(layers, "relu_conv1"))
    norm = {"batch_norm_param": {"eps": 1e-3}}
    layers[place:place] = [
        Layer("bn", "BatchNorm", ["conv1"], ["conv1"], norm, [mean * 4, variance * 4, factor]),
        Layer("scale", "Scale", ["conv1"], ["conv1"], {"scale_param": {"bias_term": True}}),
    ]
    layers[place + 1].blobs = [gamma, beta]
    net = load(tmp_path, layers)
    before = oracle("conv1_pre")
    per_channel = (slice(None), None, None)
    exact = (before - mean[per_channel]) / np.sqrt(variance[per_channel] + np.float32(1e-3))
    exact = exact * gamma[per_channel] + beta[per_channel]
    assert_near(net.forward(X, ["conv1"])["conv1"], relu(exact))


@pytest.mark.parametrize("factor", [1, 0, 1e-45, np.nan])
def test_a_variance_that_is_none(tmp_path: Path, factor: float) -> None:
    layers = layers_of()
    place = layers.index(called(layers, "relu_conv1"))
    blobs = [np.full(4, value, np.float32) for value in (1, -2)] + [np.float32([factor])]
    layers.insert(place, Layer("bn", "BatchNorm", ["conv1"], ["conv1"], {}, blobs))
    if factor == 0:  # nothing has been counted: Caffe takes 0 for mean and variance
        assert load(tmp_path, layers).variant.name == "caffe-like"
        return
    with pytest.raises(WeightsError, match="'bn': its numbers must be finite"):
        load(tmp_path, layers)


def test_power_and_no_biases(tmp_path: Path) -> None:
    layers = layers_of()
    for layer in layers:
        if len(layer.blobs) == 2:
            layer.blobs.pop()
    conv1 = called(layers, "conv1")
    power = {"power_param": {"scale": 0.5, "shift": 3.0}}
    layers.insert(0, Layer("scaled", "Power", ["data"], ["scaled"], power))
    conv1.bottoms = ["scaled"]
    net = load(tmp_path, layers)
    bare = {name: array * name.endswith("weight") for name, array in TENSORS.items()}
    exact = forward(CAFFE, bare, X * 0.5 + 3.0, ["fc8"])["fc8"]
    assert_near(net.forward(X, ["fc8"])["fc8"], exact)
    assert net.preparation().mean.tolist() == [[[0]]] * 3


def test_one_channel(tmp_path: Path) -> None:
    layers = layers_of()
    conv1 = called(layers, "conv1")
    conv1.blobs[0] = conv1.blobs[0][:, :1].copy()
    net = load(tmp_path, layers)
    assert net.variant.in_channels == 1
    assert net.classify(np.zeros((50, 60), np.uint8), top=1)[0].label.startswith("class ")


def test_head_is_for_caffe_alone(tmp_path: Path) -> None:
    path = tmp_path / "network.npz"
    np.savez(path, **TENSORS)
    with pytest.raises(WeightsError, match="head= is for Caffe's files; a npz file has one end"):
        AlexNet.load(path, head="fc7")


@pytest.mark.parametrize(
    ("name", "classes", "softmax"),
    [("fc8_flickr", 20, True), ("fc-rcnn", 200, False), ("fc8-hybrid", 1183, True)],
)
def test_what_was_fine_tuned(tmp_path: Path, name: str, classes: int, softmax: bool) -> None:
    """Flickr Style, R-CNN, and Places' hybrid network."""
    network = CAFFE.with_num_classes(classes)
    tensors = random_tensors(network)
    path = tmp_path / "network.caffemodel"
    layers = describe(network, tensors, Encoding(names={"fc8": name}))
    path.write_bytes(encode([x for x in layers if softmax or x.name != "prob"], Encoding()))
    net = AlexNet.load(path)
    assert net.variant.num_classes == classes
    assert_near(net.forward(X, ["fc8"])["fc8"], forward(network, tensors, X, ["fc8"])["fc8"])


@pytest.mark.parametrize("v1", [False, True])
def test_a_snapshot_of_a_training(tmp_path: Path, v1: bool) -> None:
    """With data, Split, loss and accuracy, and gradients beside the weights; as DIGITS saves it."""
    encoding = Encoding(training=True, v1=v1, legacy_shapes=v1, diffs=True)
    path = tmp_path / "network.caffemodel"
    path.write_bytes(encode(describe(CAFFE, TENSORS, encoding), encoding))
    assert_near(AlexNet.load(path).forward(X, ["fc8"])["fc8"], oracle("fc8"))


def test_numbers_of_16_bits(tmp_path: Path) -> None:
    encoding = Encoding(numbers="raw-f16")
    path = tmp_path / "network.caffemodel"
    path.write_bytes(encode(layers_of(), encoding))
    halves = {name: array.astype(np.float16).astype("f4") for name, array in TENSORS.items()}
    expected = forward(CAFFE, halves, X, ["fc8"])["fc8"]
    assert_near(AlexNet.load(path).forward(X, ["fc8"])["fc8"], expected)


def test_two_towers_that_share_their_weights(tmp_path: Path) -> None:
    """A siamese network: the same layers once more for a second image, and one loss for both."""
    layers = [layer for layer in layers_of() if layer.name != "prob"]
    second = [
        replace(
            layer,
            name=f"{layer.name}_p",
            bottoms=[f"{blob}_p" for blob in layer.bottoms],
            tops=[f"{blob}_p" for blob in layer.tops],
        )
        for layer in layers
    ]
    pair = Layer("pair_data", "Data", [], ["pair", "label"])
    parts = Layer("slice_pair", "Slice", ["pair"], ["data", "data_p"])
    loss = Layer("loss", "ContrastiveLoss", ["fc8", "fc8_p", "label"], ["loss"])
    net = load(tmp_path, [pair, parts, *layers, *second, loss])
    assert_near(net.forward(X, ["fc8"])["fc8"], oracle("fc8"))


@pytest.mark.parametrize("until", ["fc7", "relu_fc7", "drop7"])
def test_a_network_that_is_cut(tmp_path: Path, until: str) -> None:
    layers = layers_of()
    place = layers.index(called(layers, "relu_fc7"))
    layers.insert(place + 1, Layer("drop7", "Dropout", ["fc7"], ["fc7"]))
    net = load(tmp_path, layers[: layers.index(called(layers, until)) + 1])
    assert_near(net.forward(X, ["fc7"])["fc7"], oracle("fc7_pre" if until == "fc7" else "fc7"))


def test_hashing_is_read_up_to_a_layer(tmp_path: Path) -> None:
    """KevinNet: codes of 48 bits by a sigmoid, and the classes from these."""
    layers = [layer for layer in layers_of() if layer.name not in ("fc8", "prob")]
    codes = Layer("fc8_encode", "InnerProduct", ["fc7"], ["encode"])
    codes.blobs = [np.ones((4, 5), np.float32), np.ones(4, np.float32)]
    sigmoid = Layer("encode_sigmoid", "Sigmoid", ["encode"], ["codes"])
    classes = Layer("fc8", "InnerProduct", ["codes"], ["fc8"])
    classes.blobs = [np.ones((3, 4), np.float32), np.ones(3, np.float32)]
    layers += [codes, sigmoid, classes]
    with pytest.raises(WeightsError, match="'encode_sigmoid' is of type 'Sigmoid', which no Alex"):
        load(tmp_path, layers)
    assert_near(load(tmp_path, layers, "fc7").forward(X, ["fc7"])["fc7"], oracle("fc7"))


def test_a_global_average_and_one_linear_layer(tmp_path: Path) -> None:
    layers = layers_of()[: layers_of().index(called(layers_of(), "pool5")) + 1]
    average = {"pooling_param": {"pool": 1, "global_pooling": True}}
    layers.append(Layer("average", "Pooling", ["pool5"], ["average"], average))
    weight = np.random.default_rng(6).standard_normal((3, 6)).astype(np.float32)
    layers.append(Layer("classes", "InnerProduct", ["average"], ["classes"]))
    layers[-1].blobs = [weight, np.ones(3, np.float32)]
    net = load(tmp_path, layers)
    exact = oracle("pool5").mean(axis=(2, 3)) @ weight.T + 1
    assert_near(net.forward(X, ["fc6"])["fc6"], exact)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("PReLU", "'odd' is of type 'PReLU', which no AlexNet has"),
        ("Deconvolution", "'odd' is of type 'Deconvolution', which no AlexNet has"),
        ("Slice", "'odd' is of type 'Slice', which no AlexNet has"),
        ("Sigmoid", "'odd' is of type 'Sigmoid', which no AlexNet has"),
    ],
)
def test_what_is_no_alexnet(tmp_path: Path, kind: str, message: str) -> None:
    layers = layers_of()
    place = layers.index(called(layers, "relu_conv3"))
    layers[place] = Layer("odd", kind, ["conv3"], ["conv3"])
    with pytest.raises(WeightsError, match=message):
        load(tmp_path, layers)


def test_a_power_other_than_one_is_refused(tmp_path: Path) -> None:
    layers = layers_of()
    layers.insert(0, Layer("squared", "Power", ["data"], ["squared"]))
    layers[0].settings = {"power_param": {"power": 2.0}}
    called(layers, "conv1").bottoms = ["squared"]
    with pytest.raises(WeightsError, match=r"'squared': power is 2.0, not 1"):
        load(tmp_path, layers)
