"""The kinds of layer: shapes, parameters, costs, and what is refused."""

import copy
import pickle
import re
from dataclasses import FrozenInstanceError

import pytest

from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax

CONV1 = Conv("conv1", 96, (11, 11), stride=(4, 4))
CONV2 = Conv("conv2", 256, (5, 5), padding=((2, 2), (2, 2)), groups=2)
ALL = [
    CONV1,
    LRN("norm1"),
    MaxPool("pool1"),
    AdaptiveAvgPool("avgpool"),
    Linear("fc6", 4096),
    Softmax("prob"),
]


def test_conv_shapes_and_costs():
    assert CONV1.output_shape((3, 227, 227)) == (96, 55, 55)
    assert CONV1.parameter_shapes((3, 227, 227)) == {"weight": (96, 3, 11, 11), "bias": (96,)}
    assert CONV1.macs((3, 227, 227)) == 105_415_200
    assert CONV2.output_shape((96, 27, 27)) == (256, 27, 27)
    assert CONV2.parameter_shapes((96, 27, 27))["weight"] == (256, 48, 5, 5)
    assert CONV2.macs((96, 27, 27)) == 223_948_800


def test_conv_with_different_height_and_width():
    conv = Conv("conv", 4, (3, 5), stride=(1, 2), padding=((0, 1), (2, 4)))
    assert conv.output_shape((2, 6, 9)) == (4, 5, 6)
    assert conv.parameter_shapes((2, 6, 9))["weight"] == (4, 2, 3, 5)
    assert conv.macs((2, 6, 9)) == 4 * 5 * 6 * 2 * 3 * 5


def test_convolution_never_hangs_over():
    assert Conv("conv", 1, (3, 3), stride=(2, 2)).output_shape((1, 28, 28)) == (1, 13, 13)


def test_pool_shapes_in_both_modes():
    assert MaxPool("pool").output_shape((96, 28, 27)) == (96, 14, 13)
    assert MaxPool("pool", ceil_mode=False).output_shape((96, 28, 27)) == (96, 13, 13)
    padded = MaxPool("pool", (3, 3), (2, 2), padding=((1, 0), (0, 2)), ceil_mode=False)
    assert padded.output_shape((1, 4, 4)) == (1, 2, 2)


def test_the_other_shapes():
    assert LRN("norm1").output_shape((96, 55, 54)) == (96, 55, 54)
    assert AdaptiveAvgPool("avgpool", (6, 5)).output_shape((256, 1, 13)) == (256, 6, 5)
    assert Linear("fc6", 4096).output_shape((256, 6, 6)) == (4096,)
    assert Linear("fc6", 4096).parameter_shapes((256, 6, 6)) == {
        "weight": (4096, 9216),
        "bias": (4096,),
    }
    assert Linear("fc6", 4096).macs((256, 6, 6)) == 37_748_736
    assert Softmax("prob").output_shape((1000,)) == (1000,)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (LRN("norm1"), (96, 55, 55)),
        (MaxPool("pool1"), (96, 55, 55)),
        (AdaptiveAvgPool("avgpool"), (256, 6, 6)),
        (Softmax("prob"), (1000,)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_layers_without_parameters(layer, shape):
    assert layer.parameter_shapes(shape) == {}
    assert layer.macs(shape) == 0


def test_alpha_for_ops_is_one_that_ops_divides_by_size():
    assert LRN("norm1", alpha=1e-4).ops_alpha == 1e-4
    assert LRN("norm1", alpha=1e-4, divide_alpha_by_size=False).ops_alpha == pytest.approx(5e-4)


@pytest.mark.parametrize("layer", ALL, ids=lambda layer: layer.name)
def test_specs_are_values(layer):
    assert copy.copy(layer) == layer
    assert pickle.loads(pickle.dumps(layer)) == layer
    assert hash(copy.copy(layer)) == hash(layer)
    with pytest.raises(FrozenInstanceError):
        layer.name = "other"


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            Conv("conv1", 96, (11, 9), (4, 2), ((0, 1), (2, 3))),
            (3, 9, 30),
            "conv1: the 11x9 kernel does not fit an input of 9x30 "
            "(stride 4x2; padding 0 above, 1 below, 2 left, 3 right)",
        ),
        (
            MaxPool("pool5", ceil_mode=False),
            (256, 13, 2),
            "pool5: the 3x3 kernel does not fit an input of 13x2 "
            "(stride 2x2; padding 0 above, 0 below, 0 left, 0 right)",
        ),
        (
            MaxPool("pool5"),
            (256, 1, 1),
            "pool5: the 3x3 kernel does not fit an input of 1x1 "
            "(stride 2x2; padding 0 above, 0 below, 0 left, 0 right)",
        ),
        (CONV2, (95, 27, 27), "conv2: 95 input channels do not divide into 2 groups"),
        (CONV1, (3, 227), "conv1: expected an input of shape (C, H, W), got (3, 227)"),
        (LRN("norm1"), (9216,), "norm1: expected an input of shape (C, H, W), got (9216,)"),
        (
            AdaptiveAvgPool("avgpool"),
            (256, 0, 6),
            "avgpool: every axis of the input must be at least 1, got shape (256, 0, 6)",
        ),
        (
            Linear("fc6", 10),
            (),
            "fc6: every axis of the input must be at least 1, got shape ()",
        ),
        (
            Softmax("prob"),
            (10, 1),
            "prob: expected an input of shape (F,) or (C, H, W), got (10, 1)",
        ),
    ],
)
def test_inputs_that_do_not_fit(layer, shape, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        layer.output_shape(shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv("c", 0, (3, 3)), "c: out_channels: need a whole number from 1 up, got 0"),
        (lambda: Conv("c", 4, (3, 3), groups=0), "c: groups: need a whole number from 1 up, got 0"),
        (lambda: Conv("c", 5, (3, 3), groups=2), "c: out_channels 5 is not a multiple of groups 2"),
        (lambda: Conv("c", 4, (3, 0)), "c: kernel_size: need a whole number from 1 up, got 0"),
        (
            lambda: Conv("c", 4, (3, 3), stride=(0, 1)),
            "c: stride: need a whole number from 1 up, got 0",
        ),
        (
            lambda: Conv("c", 4, (3, 3), padding=((0, 3), (0, 0))),
            "c: padding: need less than the kernel, 3x3, got ((0, 3), (0, 0))",
        ),
        (
            lambda: MaxPool("p", padding=((0, 0), (-1, 0))),
            "p: padding: need a whole number from 0 up, got -1",
        ),
        (lambda: LRN("n", size=0), "n: size: need a whole number from 1 up, got 0"),
        (
            lambda: AdaptiveAvgPool("a", (0, 6)),
            "a: output_size: need a whole number from 1 up, got 0",
        ),
        (lambda: Linear("f", -1), "f: out_features: need a whole number from 1 up, got -1"),
    ],
)
def test_settings_out_of_range(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv("c", 4.0, (3, 3)), "c: out_channels: need a whole number from 1 up, got 4.0"),
        (lambda: Linear("f", True), "f: out_features: need a whole number from 1 up, got True"),
        (lambda: Conv("c", 4, 3), "c: kernel_size: need a tuple (height, width), got 3"),
        (
            lambda: MaxPool("p", padding=1),
            "p: padding: need ((top, bottom), (left, right)), got 1",
        ),
        (
            lambda: MaxPool("p", stride=(2.0, 2)),
            "p: stride: need a whole number or two of them, (height, width), got 2.0",
        ),
    ],
)
def test_settings_of_the_wrong_kind(make, message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        make()
