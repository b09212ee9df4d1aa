"""AlexNet or CaffeNet: what the order of the layers and their settings tell, and forbid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthesis.caffe_files import Encoding, Layer, describe, encode
from synthesis.networks import TINY, random_tensors

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.variants import VARIANTS
from alexnet_cy.weights.caffe import read as caffemodel
from alexnet_cy.weights.caffe.variant import expected_path

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
    return caffemodel.read(path).variant


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
    assert variant_of(tmp_path, layers, DISCONNECTED) == "torchvision"


def test_plain_network_is_not_taken_for_the_ungrouped_one(tmp_path: Path) -> None:
    layers = layers_of("torchvision")
    called(layers, "conv1").settings["convolution_param"]["pad"] = [4]
    assert variant_of(tmp_path, layers) == "plain"


def test_expected_path_of_caffe() -> None:
    kinds = [kind for kind, _ in expected_path(VARIANTS["caffe"])]
    conv, fc = ["Convolution", "ReLU"], ["InnerProduct", "ReLU"]
    assert kinds == [
        *conv, "LRN", "Pooling", *conv, "LRN", "Pooling", *conv, *conv, *conv, "Pooling",
        *fc, *fc, "InnerProduct",
    ]  # fmt: skip


SETTINGS = {
    "conv1 stride": ("conv1", "stride", [2], "'conv1': stride is .2, 2., not .4, 4."),
    "conv1 stride by default": ("conv1", "stride", None, "'conv1': stride is .1, 1."),
    "conv1 pad": ("conv1", "pad", [2], "'conv1': pad is .2, 2., not .0, 0."),
    "conv2 pad by default": ("conv2", "pad", None, "'conv2': pad is .0, 0., not .2, 2."),
    "conv2 one group": ("conv2", "group", None, "'conv2': group is 1, not 2"),
    "conv3 groups": ("conv3", "group", 2, "'conv3': group is 2, not 1"),
    "conv4 dilation": ("conv4", "dilation", [2], "'conv4': dilation is .2, 2."),
    "conv5 pads that differ": ("conv5", "pad", [1, 2], "'conv5': pad is .1, 2."),
    "conv5 stride across": ("conv5", "stride_w", 2, "'conv5': stride is .1, 2."),
    "conv5 in three dimensions": ("conv5", "pad", [1, 1, 1], "'conv5': pad has more than two"),
    "conv1 channels": ("conv1", "num_output", 5, "'conv1': num_output is 5, but its weight"),
    "conv1 kernel": ("conv1", "kernel_size", [5], "'conv1': kernel_size is .5, 5., but its"),
    "fc7 features": ("fc7", "num_output", 6, "'fc7': num_output is 6, but its weight"),
    "fc7 axis": ("fc7", "axis", 2, "'fc7': axis is 2, not 1"),
    "norm1 size": ("norm1", "local_size", 3, "'norm1': local_size is 3, not 5"),
    "norm1 alpha": ("norm1", "alpha", 2e-5, "'norm1': alpha is 1.99.*e-05, not 9.99.*e-05"),
    "norm1 alpha by default": ("norm1", "alpha", None, "'norm1': alpha is 1.0"),
    "norm2 beta": ("norm2", "beta", 0.5, "'norm2': beta is 0.5, not 0.75"),
    "norm2 k": ("norm2", "k", 2.0, "'norm2': k is 2.0, not 1.0"),
    "norm2 region": ("norm2", "norm_region", 1, "'norm2': norm_region is WITHIN_CHANNEL"),
    "pool1 kernel": ("pool1", "kernel_size", 2, "'pool1': kernel_size is .2, 2., not .3, 3."),
    "pool1 stride by default": ("pool1", "stride", None, "'pool1': stride is .1, 1."),
    "pool2 average": ("pool2", "pool", 1, "'pool2': pool is AVE, not MAX"),
    "pool2 pad": ("pool2", "pad", 1, "'pool2': pad is .1, 1."),
    "pool5 floor": ("pool5", "round_mode", 1, "'pool5': round_mode is FLOOR, not CEIL"),
    "pool5 global": ("pool5", "global_pooling", True, "'pool5': global_pooling is True"),
    "leaky ReLU": ("relu_conv3", "negative_slope", 0.1, "'relu_conv3': negative_slope is 0.1"),
}
PARAMS = {"conv": "convolution_param", "norm": "lrn_param", "pool": "pooling_param"}
PARAMS |= {"fc": "inner_product_param", "relu": "relu_param"}


@pytest.mark.parametrize("encoding", [CONNECTED, DISCONNECTED])
@pytest.mark.parametrize("variant", ["caffe", "caffenet"])
@pytest.mark.parametrize("case", SETTINGS)
def test_other_settings_are_refused(
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
    with pytest.raises(WeightsError, match=message):
        variant_of(tmp_path, layers, encoding)


def test_all_that_differs_is_listed_for_the_nearest_network(tmp_path: Path) -> None:
    layers = layers_of("caffenet")
    called(layers, "pool1").settings["pooling_param"]["stride"] = 1
    called(layers, "norm2").settings["lrn_param"]["k"] = 2.0
    with pytest.raises(
        WeightsError,
        match=r"nearest is 'caffenet': layer 'pool1': stride .*; layer 'norm2': k is 2",
    ):
        variant_of(tmp_path, layers)


def test_half_settings_of_height_and_width(tmp_path: Path) -> None:
    layers = layers_of()
    settings = called(layers, "conv2").settings["convolution_param"]
    del settings["pad"], settings["stride"]
    settings |= {"pad_h": 2, "pad_w": 2, "stride_w": 1}
    assert variant_of(tmp_path, layers) == "caffe"
    del settings["pad_w"]
    with pytest.raises(WeightsError, match=r"'conv2': pad is .2, 0."):
        variant_of(tmp_path, layers)


def test_groups_that_the_weights_show(tmp_path: Path) -> None:
    layers = layers_of("ungrouped")
    for layer in layers:
        if layer.name in ("conv2", "conv4"):
            layer.settings["convolution_param"]["group"] = 2
    with pytest.raises(WeightsError, match="conv2"):
        variant_of(tmp_path, layers)


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


CHANGES = {
    "no ReLU": (without("relu_conv1"), "after layer 'conv1' comes 'LRN', not ReLU"),
    "no normalisation": (without("norm2"), "after layer '.*2' comes '.*', not .*"),
    "ReLU on the classifier": (in_place("fc8", "ReLU"), "after the classifier comes ReLU"),
    "another function": (in_place("conv3", "Sigmoid"), "comes 'Sigmoid'"),
    "another function for a ReLU": (
        lambda layers: in_place("fc6", "TanH")(without("relu_fc6")(layers)), "comes 'TanH'"
    ),
    "batch normalisation": (
        insert_after("conv1", a_layer("bn1", "BatchNorm", _bn(4), _bn(4), _bn(1))),
        "comes 'BatchNorm'",
    ),
    "scaled images": (
        insert_after("data", a_layer("scale", "Power")), "after the image comes 'Power'"
    ),
    "a sixth convolution": (
        insert_after("conv5", a_layer("conv6", "Convolution", np.zeros((6, 3, 1, 1)), _bn(6))),
        "no AlexNet: it has five convolutions .* run Convolution 'conv1', ",
    ),
    "a ninth layer": (
        insert_after("fc8", a_layer("fc9", "InnerProduct", np.zeros((3, 3)), _bn(3))),
        "no AlexNet: .* InnerProduct 'fc9'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_other_networks_are_refused(tmp_path: Path, case: str) -> None:
    change, message = CHANGES[case]
    with pytest.raises(WeightsError, match=message):
        variant_of(tmp_path, change(layers_of()))
