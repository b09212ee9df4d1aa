"""What network a Caffe file has: the order of its layers and their settings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.programs.caffe_files import Encoding, Layer, describe, encode

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.recognition import differing_settings
from alexnet_cy.weights.caffe import read as caffemodel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONNECTED = Encoding(training=True)
DISCONNECTED = Encoding(connected=False)
NAMES_ONLY = Encoding(connected=False, settings=False)


def layers_of(variant: str = "caffe", encoding: Encoding = CONNECTED) -> list[Layer]:
    return describe(TINY[variant], random_tensors(TINY[variant]), encoding)


def variant_of(directory: Path, layers: list[Layer], encoding: Encoding = CONNECTED) -> str | None:
    path = directory / "network.caffemodel"
    path.write_bytes(encode(layers, encoding))
    variant = caffemodel.read(path).variant
    return None if variant is None else variant.removesuffix("-like")


def differences_of(directory: Path, layers: list[Layer], variant: str, encoding: Encoding) -> str:
    """What the network of a file computes otherwise than a small variant."""
    path = directory / "network.caffemodel"
    path.write_bytes(encode(layers, encoding))
    network = caffemodel.read(path).network
    assert network is not None
    return "; ".join(differing_settings(network, TINY[variant], any_size=False))


def called(layers: list[Layer], name: str) -> Layer:
    (layer,) = (layer for layer in layers if layer.name == name)
    return layer


@pytest.mark.parametrize("variant", ["caffe", "caffenet"])
def test_order_of_the_list_tells_where_nothing_is_connected(tmp_path: Path, variant: str) -> None:
    assert variant_of(tmp_path, layers_of(variant), NAMES_ONLY) == variant


@pytest.mark.parametrize("variant", ["caffe", "caffenet"])
def test_what_norm1_takes_tells_where_layers_are_missing(tmp_path: Path, variant: str) -> None:
    layers = [layer for layer in layers_of(variant) if layer.type != "ReLU"]
    layers = [layer for layer in layers if layer.name not in ("pool2", "norm2", "pool5")]
    for blob in ("pool2", "norm2", "pool5"):
        for layer in layers:
            layer.bottoms = ["elsewhere" if bottom == blob else bottom for bottom in layer.bottoms]
    called(layers, "fc6").bottoms = []
    layers.reverse()
    assert variant_of(tmp_path, layers) == variant
    called(layers, "conv1").bottoms = []  # now the path ends at once, and only names are left
    assert variant_of(tmp_path, layers) == variant


@pytest.mark.parametrize(
    ("variant", "expected"), [("caffe", None), ("ungrouped", None), ("caffenet", None)]
)
def test_weights_alone_do_not_tell(tmp_path: Path, variant: str, expected: str | None) -> None:
    layers = [layer for layer in layers_of(variant) if layer.blobs]
    assert variant_of(tmp_path, layers, NAMES_ONLY) is expected


def test_norm1_that_takes_neither_does_not_tell(tmp_path: Path) -> None:
    layers = [layer for layer in layers_of() if layer.blobs or layer.name == "norm1"]
    for layer in layers:
        layer.bottoms = ["elsewhere"]
    assert variant_of(tmp_path, layers) is None


def test_settings_tell_torchvisions_network(tmp_path: Path) -> None:
    layers = layers_of("torchvision")
    assert differences_of(tmp_path, layers, "torchvision", DISCONNECTED) == ""


# What is changed, and what the file then is: refused, or another network.
SETTINGS = {
    "conv1 stride": ("conv1", "stride", [4], "conv1: stride is (4, 4), not (2, 2)"),
    "conv1 pad": ("conv1", "pad", [1], "conv1: padding is ((1, 1), (1, 1)), not"),
    "conv2 pad by default": ("conv2", "pad", None, "conv2: padding is ((0, 0), (0, 0)), not"),
    "conv2 one group": ("conv2", "group", None, "'conv2': its weight has shape"),
    "conv3 groups": ("conv3", "group", 2, "'conv3': its weight has shape"),
    "conv4 dilation": ("conv4", "dilation", [2], "'conv4': dilation is (2, 2), not (1, 1)"),
    "conv5 pads that differ": ("conv5", "pad", [1, 2], "'conv5': padding: need less than the"),
    "conv5 stride across": ("conv5", "stride_w", 2, "'fc6': its weight has shape"),
    "conv5 in three dimensions": ("conv5", "pad", [1, 1, 1], "'conv5': pad has more than two"),
    "conv1 channels": ("conv1", "num_output", 5, "'conv1': num_output is 5, but its weight"),
    "conv1 kernel": ("conv1", "kernel_size", [5], "'conv1': kernel_size is (5, 5), but its"),
    "fc7 features": ("fc7", "num_output", 6, "'fc7': num_output is 6, but its weight"),
    "fc7 axis": ("fc7", "axis", 2, "'fc7': axis is 2, not 1"),
    "norm1 size": ("norm1", "local_size", 3, "norm1: size is 3, not 5"),
    "norm1 even size": ("norm1", "local_size", 4, "'norm1': local_size is 4, not odd"),
    "norm1 alpha": ("norm1", "alpha", 2e-5, "norm1: alpha is 1.99"),
    "norm1 alpha by default": ("norm1", "alpha", None, "norm1: alpha is 1.0"),
    "norm2 beta": ("norm2", "beta", 0.5, "norm2: beta is 0.5, not 0.75"),
    "norm2 k": ("norm2", "k", 2.0, "norm2: k is 2.0, not 1.0"),
    "norm2 region": ("norm2", "norm_region", 1, "norm2: region is within_channel, not across_chan"),
    "norm2 no region": ("norm2", "norm_region", 2, "'norm2': norm_region is 2, not ACROSS_C"),
    "pool1 stride by default": ("pool1", "stride", None, "pool1: stride is (1, 1), not (2, 2)"),
    "pool2 average": ("pool2", "pool", 1, "averages over windows of (3, 3) pixels"),
    "pool2 stochastic": ("pool2", "pool", 2, "'pool2': pool is STOCHASTIC"),
    "pool5 rounding": ("pool5", "round_mode", 2, "'pool5': round_mode is 2, neither"),
    "pool5 global": ("pool5", "global_pooling", True, "'pool5': pool is MAX"),
    "leaky ReLU": ("relu_conv3", "negative_slope", 0.1, "'relu_conv3': negative_slope is 0.1"),
}
PARAMS = {"conv": "convolution_param", "norm": "lrn_param", "pool": "pooling_param"}
PARAMS |= {"fc": "inner_product_param", "relu": "relu_param"}


@pytest.mark.parametrize("encoding", [CONNECTED, DISCONNECTED])
@pytest.mark.parametrize("variant", ["caffe", "caffenet"])
@pytest.mark.parametrize("case", SETTINGS)
def test_other_settings_are_refused_or_another_network(
    tmp_path: Path, case: str, variant: str, encoding: Encoding
) -> None:
    name, setting, value, message = SETTINGS[case]
    layers = layers_of(variant, Encoding())
    param = PARAMS[name.split("_")[0].rstrip("0123456789")]
    values = called(layers, name).settings.setdefault(param, {})
    if value is None:
        del values[setting]
    else:
        values[setting] = value
    if message.startswith("'") or "averages" in message:
        with pytest.raises(WeightsError, match=re.escape(message)):
            variant_of(tmp_path, layers, encoding)
    else:
        assert message in differences_of(tmp_path, layers, variant, encoding)


def test_half_settings_of_height_and_width(tmp_path: Path) -> None:
    layers = layers_of()
    settings = called(layers, "conv2").settings["convolution_param"]
    del settings["pad"], settings["stride"]
    settings |= {"pad_h": 1, "pad_w": 1, "stride_w": 1}
    assert differences_of(tmp_path, layers, "caffe", CONNECTED) == ""
    del settings["pad_w"]
    found = differences_of(tmp_path, layers, "caffe", CONNECTED)
    assert "conv2: padding is ((1, 1), (0, 0))" in found


def insert_after(name: str, new_layer: Layer) -> Callable[[list[Layer]], list[Layer]]:
    """Return a change that puts a layer on the path behind another one."""

    def change(layers: list[Layer]) -> list[Layer]:
        top = called(layers, name).tops[0]
        new_layer.bottoms = [top]
        for layer in layers:
            if layer.name not in (name, f"relu_{name}", f"drop_{name}"):
                layer.bottoms = [new_layer.tops[0] if b == top else b for b in layer.bottoms]
        return [*layers, new_layer]

    return change


def without(name: str) -> Callable[[list[Layer]], list[Layer]]:
    """Return a change that takes a layer off the path."""

    def change(layers: list[Layer]) -> list[Layer]:
        removed = called(layers, name)
        for layer in layers:
            layer.bottoms = [
                removed.bottoms[0] if b == removed.tops[0] else b for b in layer.bottoms
            ]
        return [layer for layer in layers if layer is not removed]

    return change


def in_place(name: str, kind: str) -> Callable[[list[Layer]], list[Layer]]:
    """Return a change that lets another function work in place on a blob."""
    return lambda layers: [*layers, Layer(f"{kind}_{name}", kind, [name], [name])]


def a_layer(name: str, kind: str, *blobs: np.ndarray, **settings: Any) -> Layer:
    return Layer(name, kind, [], [name], settings, list(blobs))


def _bn(channels: int) -> np.ndarray:
    return np.ones(channels, np.float32)


# What is changed, and what the file then is: refused, or another network.
CHANGES = {
    "no ReLU": (without("relu_conv1"), "conv1: relu is False, not True"),
    "no normalisation": (without("norm2"), "nothing, not norm2"),
    "ReLU on the classifier": (in_place("fc8", "ReLU"), "fc8: relu is True, not False"),
    "another function": (in_place("conv3", "Sigmoid"), "is of type 'Sigmoid', which no AlexNet"),
    "another function for a ReLU": (
        lambda layers: in_place("fc6", "TanH")(without("relu_fc6")(layers)), "is of type 'TanH'"
    ),
    "batch normalisation behind a ReLU": (
        insert_after("conv1", a_layer("bn1", "BatchNorm", _bn(4), _bn(4), _bn(1))),
        "not right behind a convolution",
    ),
    "a sixth convolution": (
        insert_after("conv5", a_layer("conv6", "Convolution", np.zeros((6, 6, 1, 1)), _bn(6),
                                      convolution_param={"num_output": 6})),
        "after conv5: conv6, not nothing",
    ),
    "a ninth layer": (
        insert_after("fc8", a_layer("fc9", "InnerProduct", np.zeros((3, 3)), _bn(3))),
        "after fc8: fc9, not nothing",
    ),
    "no head": (
        lambda layers: [x for x in layers if not x.name.startswith(("fc", "relu_fc", "drop_fc"))
                        and x.name not in ("loss", "accuracy")],
        "after pool5: nothing, not fc6, fc7, fc8",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_other_networks_are_what_they_are(tmp_path: Path, case: str) -> None:
    change, message = CHANGES[case]
    layers = change(layers_of())
    if "type" in message or "behind" in message:
        with pytest.raises(WeightsError, match=message):
            variant_of(tmp_path, layers)
    else:
        assert message in differences_of(tmp_path, layers, "caffe", CONNECTED)


def test_head_of_a_file_without_settings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.caffemodel"
    encoding = Encoding(settings=False)
    path.write_bytes(encode(layers_of(encoding=encoding), encoding))
    with pytest.raises(WeightsError, match="layer 'conv1' states no settings"):
        caffemodel.read(path, head="fc7")


def test_head_ends_the_network_elsewhere(tmp_path: Path) -> None:
    layers = in_place("fc8", "Sigmoid")(layers_of())
    path = tmp_path / "network.caffemodel"
    path.write_bytes(encode(layers, CONNECTED))
    with pytest.raises(WeightsError, match="is of type 'Sigmoid'"):
        caffemodel.read(path)
    network = caffemodel.read(path, "fc7").network
    assert network is not None
    assert network.layers[-1].name == "fc7"
    found = differing_settings(network, TINY["caffe"], any_size=False)
    assert found == ["after fc7: nothing, not fc8"]
    with pytest.raises(WeightsError, match="no way to a layer 'fc9'; the ends are 'fc8'"):
        caffemodel.read(path, "fc9")
