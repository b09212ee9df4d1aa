"""Packed weights: they come back as they were, and what does not fit is refused."""

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.samples import around, normal

from alexnet_cy import _conv
from alexnet_cy.engine.linear_packing import pack_linear
from alexnet_cy.engine.winograd import pack_winograd
from alexnet_cy.weights.array_tensors import array_tensor


@pytest.mark.parametrize("depth", around(8, 16, 48))
def test_fully_connected_weights_come_back(kernels, depth):
    for width in [*around(1, 16, 512), 1030]:
        weight, bias = normal(0, width, depth), normal(1, width)
        packed = pack_linear(array_tensor(weight), bias, kernels, 2)
        unpacked, offsets = packed.unpack()
        assert_same_bits(unpacked, weight)
        assert_same_bits(offsets, bias)
        assert packed.finite


@pytest.mark.parametrize("place", [(0, 0), (17, 3), (599, 47)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_is_noticed(kernels, place, value):
    weight = normal(0, 600, 48)
    weight[place] = value
    assert not pack_linear(array_tensor(weight), None, kernels, 2).finite


CONV_ERRORS = [
    (((4, 2, 3, 3), None, 0), "groups: 0 does not divide 4 out channels"),
    (((4, 2, 3, 3), None, 3), "groups: 3 does not divide 4 out channels"),
    (((4, 2, 3, 3), (5,), 1), "bias: got 5 values for 4 channels"),
    (((4, 0, 3, 3), None, 1), "weight: empty"),
    (((0, 2, 3, 3), None, 1), "weight: empty"),
]
WINOGRAD_ERRORS = CONV_ERRORS[:3]
LINEAR_ERRORS = [
    (((4, 6), (3,), 1), "bias: got 3 values for 4 outputs"),
    (((4, 0), None, 1), "weight: empty"),
    (((0, 6), None, 1), "weight: empty"),
]


def winograd(weight, bias, groups, kernels):
    return pack_winograd(weight, bias, stride=(1, 1), groups=groups, kernels=kernels)


def linear(weight, bias, threads, kernels):
    return pack_linear(array_tensor(weight), bias, kernels, threads)


@pytest.mark.parametrize(
    ("pack", "arguments", "message"),
    [
        *[(_conv.PackedConv, *case) for case in CONV_ERRORS],
        *[(winograd, *case) for case in WINOGRAD_ERRORS],
        *[(linear, *case) for case in LINEAR_ERRORS],
    ],
)
def test_what_does_not_fit_is_refused(kernels, pack, arguments, message):
    weight_shape, bias_shape, number = arguments
    weight = np.ones(weight_shape, np.float32)
    bias = None if bias_shape is None else np.ones(bias_shape, np.float32)
    with pytest.raises(ValueError, match=f"^{message}$"):
        pack(weight, bias, number, kernels)
