"""Packed weights: they come back as they were, and what does not fit is refused."""

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.row_file import RowTensor
from support.samples import around, normal

from alexnet_cy.contracts.tensors import ArrayTensor
from alexnet_cy.engine.packed.conv_packing import PART_FLOATS, pack_array, pack_conv
from alexnet_cy.engine.packed.linear_packing import pack_linear


@pytest.mark.parametrize("depth", around(8, 16, 48))
def test_fully_connected_weights_come_back(kernels, depth):
    for width in [*around(1, 16, 512), 1030]:
        weight, bias = normal(0, width, depth), normal(1, width)
        packed = pack_linear(ArrayTensor(weight), bias, kernels, 2)
        unpacked, offsets = packed.unpack()
        assert_same_bits(unpacked, weight)
        assert_same_bits(offsets, bias)
        assert packed.finite


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("filters", [1, 7, 8, 9, 16, 17, 31, 33, 48, 65])
def test_kernels_come_back(kernels, groups, filters):
    for channels, kernel_h, kernel_w in (1, 1, 1), (3, 2, 5), (8, 3, 3), (17, 1, 3):
        weight = normal(0, groups * filters, channels, kernel_h, kernel_w)
        bias = normal(1, groups * filters)
        unpacked, offsets = pack_array(weight, bias, groups, kernels).unpack()
        assert_same_bits(unpacked, weight)
        assert_same_bits(offsets, bias)


def test_kernels_in_parts_of_any_size_and_order(kernels):
    weight = normal(0, 3 * 37, 5, 3, 3)
    packed = pack_array(weight, None, 3, kernels)
    parts = packed.__class__(111, 5, 3, 3, None, 3, kernels)
    for first, end in (80, 111), (30, 47), (0, 1), (47, 80), (1, 30), (50, 50):
        assert parts.pack_filters(first, weight[first:end])
    assert bytes(parts.weight_memory) == bytes(packed.weight_memory)


def test_kernels_are_read_in_parts(kernels):
    """Parts end within panels and groups here."""
    weight, reads = normal(0, 70, 600, 3, 3), []

    def read_rows(first, rows):
        reads.append((first, len(rows)))

    unpacked, _ = pack_conv(RowTensor(weight, read_rows), None, 2, kernels, 1).unpack()
    assert_same_bits(unpacked, weight)
    most = PART_FLOATS // (600 * 9)
    assert reads == [(first, min(most, 70 - first)) for first in range(0, 70, most)]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_kernel_that_is_not_finite_is_noticed(kernels, value):
    for place in (0, 0, 0, 0), (17, 2, 1, 2), (40, 4, 2, 2):
        weight = normal(0, 41, 5, 3, 3)
        packed = pack_array(weight, None, 1, kernels)
        assert packed.pack_filters(0, weight)
        weight[place] = value
        assert not packed.pack_filters(0, weight)


@pytest.mark.parametrize(
    ("first", "shape"),
    [
        (-1, (2, 3, 2, 5)),
        (5, (2, 3, 2, 5)),
        (0, (7, 3, 2, 5)),
        (0, (2, 2, 2, 5)),
        (0, (2, 3, 1, 5)),
        (0, (2, 3, 2, 4)),
    ],
)
def test_kernels_of_another_shape_are_refused(kernels, first, shape):
    packed = pack_array(normal(0, 6, 3, 2, 5), None, 1, kernels)
    with pytest.raises(ValueError, match=r"^filters: shape does not match the weights$"):
        packed.pack_filters(first, normal(1, *shape))


@pytest.mark.parametrize("place", [(0, 0), (17, 3), (599, 47)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_is_noticed(kernels, place, value):
    weight = normal(0, 600, 48)
    weight[place] = value
    assert not pack_linear(ArrayTensor(weight), None, kernels, 2).finite


CONV_ERRORS = [
    (((4, 2, 3, 3), None, 0), "groups: 0 does not divide 4 out channels"),
    (((4, 2, 3, 3), None, 3), "groups: 3 does not divide 4 out channels"),
    (((4, 2, 3, 3), (5,), 1), "bias: got 5 values for 4 channels"),
    (((4, 0, 3, 3), None, 1), "weight: empty"),
    (((0, 2, 3, 3), None, 1), "weight: empty"),
]
LINEAR_ERRORS = [
    (((4, 6), (3,), 1), "bias: got 3 values for 4 outputs"),
    (((4, 0), None, 1), "weight: empty"),
    (((0, 6), None, 1), "weight: empty"),
]


def linear(weight, bias, threads, kernels):
    return pack_linear(ArrayTensor(weight), bias, kernels, threads)


@pytest.mark.parametrize(
    ("pack", "arguments", "message"),
    [
        *[(pack_array, *case) for case in CONV_ERRORS],
        *[(linear, *case) for case in LINEAR_ERRORS],
    ],
)
def test_what_does_not_fit_is_refused(kernels, pack, arguments, message):
    weight_shape, bias_shape, number = arguments
    weight = np.ones(weight_shape, np.float32)
    bias = None if bias_shape is None else np.ones(bias_shape, np.float32)
    with pytest.raises(ValueError, match=f"^{message}$"):
        pack(weight, bias, number, kernels)
