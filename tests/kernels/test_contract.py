"""The extension modules check the shapes that would let a kernel read beside its arrays."""

import datetime

import numpy as np
import pytest

from alexnet_cy.engine.packed.conv_packing import pack_array
from alexnet_cy.engine.packed.winograd_packing import pack_winograd
from alexnet_cy.engine.winograd import tile_cuts
from alexnet_cy.kernels import _linear, _lrn, _pool, _runtime, _softmax
from alexnet_cy.kernels.convolution import _conv, _winograd
from alexnet_cy.kernels.training import _lrn_gradients


def zeros(*shape):
    return np.zeros(shape, np.float32)


def gaps(*shape):
    return zeros(*shape, 2)[..., 0]


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (zeros(2, 5, 5, 3), zeros(2, 4, 4, 7), "x, y: shapes do not match the weights"),
        (zeros(2, 5, 5, 4), zeros(1, 4, 4, 7), "x, y: shapes do not match the weights"),
        (zeros(2, 5, 5, 4), zeros(2, 4, 4, 6), "x, y: shapes do not match the weights"),
        (zeros(2, 4, 5, 4), zeros(2, 4, 4, 7), "x: too small for the output"),
        (zeros(2, 5, 4, 4), zeros(2, 4, 4, 7), "x: too small for the output"),
        (zeros(2, 5, 5, 4), gaps(2, 4, 4, 7), "y: out channels must be contiguous"),
    ],
)
def test_convolution(kernels, x, y, message):
    packed = pack_array(zeros(7, 4, 2, 2), None, 1, kernels)
    with pytest.raises(ValueError, match=f"^{message}$"):
        _conv.DirectConv2d(packed, x, y, 1, 1, False, False).run(1)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (zeros(2, 6, 6, 3), zeros(2, 4, 4, 7), "x, y: shapes do not match the weights"),
        (zeros(2, 6, 6, 4), zeros(1, 4, 4, 7), "x, y: shapes do not match the weights"),
        (zeros(2, 6, 6, 4), zeros(2, 4, 4, 6), "x, y: shapes do not match the weights"),
        (zeros(2, 5, 6, 4), zeros(2, 4, 4, 7), "x: too small for the output"),
        (zeros(2, 6, 5, 4), zeros(2, 4, 4, 7), "x: too small for the output"),
        (zeros(2, 6, 6, 4), gaps(2, 4, 4, 7), "y: out channels must be contiguous"),
        (zeros(2, 6, 6, 4), zeros(2, 3, 4, 7), "rows: must go from 0 to 3"),
        (zeros(2, 6, 6, 4), zeros(2, 4, 3, 7), "columns: must go from 0 to 3"),
    ],
)
def test_winograd(kernels, x, y, message):
    packed = pack_winograd(zeros(7, 4, 3, 3), None, stride=(1, 1), groups=1, kernels=kernels)
    cuts = tile_cuts(4, 3)
    with pytest.raises(ValueError, match=f"^{message}$"):
        _winograd.WinogradConv2d(packed, x, y, cuts, cuts, False).run(1)


@pytest.mark.parametrize("cuts", [[0, 6], [0, 3, 3, 6], [0, 4, 2, 6]])
def test_a_tile_of_no_size_that_there_is(kernels, cuts):
    packed = pack_winograd(zeros(7, 4, 3, 3), None, stride=(1, 1), groups=1, kernels=kernels)
    with pytest.raises(ValueError, match=r"^rows: there is no transform for a tile of (6|0|-2)$"):
        _winograd.WinogradConv2d(
            packed,
            zeros(1, 8, 5, 4),
            zeros(1, 6, 3, 7),
            np.array(cuts, np.intp),
            tile_cuts(3, 3),
            False,
        ).run(1)


@pytest.mark.parametrize(
    ("x", "y"), [((2, 5), (2, 7)), ((2, 4), (2, 6)), ((2, 4), (3, 7)), ((0, 4), (1, 7))]
)
def test_fully_connected(kernels, x, y):
    packed = _linear.PackedLinear(7, 4, None, kernels, 1)
    with pytest.raises(ValueError, match="x, y: shapes do not match the weights"):
        _linear.Linear(packed, zeros(*x), zeros(*y), False).run(1)


def test_bias_of_fully_connected_weights(kernels):
    for values in (6, 8):
        with pytest.raises(ValueError, match=f"bias: got {values} values for 7 outputs"):
            _linear.PackedLinear(7, 4, zeros(values), kernels, 1)


@pytest.mark.parametrize(
    ("rows", "bias", "x", "y", "first"),
    [
        ((2, 4), 7, (1, 4), (1, 7), -1),
        ((2, 4), 7, (1, 4), (1, 7), 6),
        ((2, 5), 7, (1, 4), (1, 7), 0),
        ((2, 0), 7, (1, 0), (1, 7), 0),
        ((2, 4), 6, (1, 4), (1, 7), 0),
        ((2, 4), 7, (1, 4), (2, 7), 0),
    ],
)
def test_fully_connected_by_rows(kernels, rows, bias, x, y, first):
    with pytest.raises(ValueError, match="rows, bias, x, y: shapes do not match"):
        _linear.linear_rows(kernels, zeros(*rows), zeros(bias), zeros(*x), zeros(*y), first, False)


@pytest.mark.parametrize(("first", "rows"), [(-1, (2, 4)), (6, (2, 4)), (0, (8, 4)), (0, (2, 3))])
def test_rows_of_fully_connected_weights(kernels, first, rows):
    packed = _linear.PackedLinear(7, 4, None, kernels, 1)
    with pytest.raises(ValueError, match="rows: shape does not match the weights"):
        packed.pack_rows(first, zeros(*rows))


POOLS = [
    lambda *arguments: _pool.MaxPool2d(*arguments, (2, 2), (1, 1), (0, 0)).run(1),
    lambda *arguments: _pool.AdaptiveAvgPool2d(*arguments).run(1),
]


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (zeros(2, 5, 5, 3), zeros(1, 4, 4, 3), "x, y: images or channels differ"),
        (zeros(2, 5, 5, 3), zeros(2, 4, 4, 2), "x, y: images or channels differ"),
        (gaps(2, 5, 5, 3), zeros(2, 4, 4, 3), "x, y: channels must be contiguous"),
        (zeros(2, 5, 5, 3), gaps(2, 4, 4, 3), "x, y: channels must be contiguous"),
    ],
)
def test_pooling(kernels, pool, x, y, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        pool(kernels, x, y)


def test_an_empty_image_has_no_average(kernels):
    with pytest.raises(ValueError, match="x: the image is empty"):
        _pool.AdaptiveAvgPool2d(kernels, zeros(1, 0, 5, 3), zeros(1, 2, 2, 3)).run(1)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (zeros(2, 5, 5, 3), zeros(2, 5, 4, 3), "x, y: shapes differ"),
        (zeros(2, 5, 5, 3), gaps(2, 5, 5, 3), "x, y: channels must be contiguous"),
        (gaps(2, 5, 5, 3), zeros(2, 5, 5, 3), "x, y: channels must be contiguous"),
    ],
)
def test_normalisation(kernels, x, y, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        _lrn.LocalResponseNorm(kernels, x, y, 5, 1.0, 0.75, 1.0).run(1)


def test_normalisation_within_channels(kernels):
    x = zeros(2, 5, 5, 3)
    with pytest.raises(ValueError, match="x, y: within a channel they cannot be the same array"):
        _lrn.LocalResponseNorm(kernels, x, x, 5, 1.0, 0.75, 1.0, True)
    with pytest.raises(ValueError, match=r"size: need an odd number of pixels .*, got 4"):
        _lrn.LocalResponseNorm(kernels, x, zeros(2, 5, 5, 3), 4, 1.0, 0.75, 1.0, True)
    for same in (x, zeros(2, 5, 5, 3)):
        with pytest.raises(ValueError, match=r"^(x|dy), dx: "):
            _lrn_gradients.NormWithinGradient(kernels, x, same, same, 5, 1.0, 0.75, 1.0, False)


def test_flat_rows(kernels):
    with pytest.raises(ValueError, match="x, y: shapes differ"):
        _softmax.Softmax(kernels, zeros(2, 3), zeros(2, 4)).run(1)
    with pytest.raises(ValueError, match="x, y: shapes differ"):
        _softmax.Relu(kernels, zeros(5), zeros(4)).run(1)


@pytest.mark.parametrize(
    "call",
    [
        lambda other: pack_array(zeros(1, 1, 1, 1), None, 1, other),
        lambda other: _linear.PackedLinear(1, 1, None, other, 1),
        lambda other: _lrn.LocalResponseNorm(
            other, zeros(1, 1, 1, 1), zeros(1, 1, 1, 1), 1, 1, 1, 1
        ).run(1),
        lambda other: _softmax.Softmax(other, zeros(1, 1), zeros(1, 1)).run(1),
        _runtime.tile_of,
    ],
)
def test_kernels_come_in_their_own_capsule(call):
    other = datetime.datetime_CAPI  # a capsule, but of something else
    for wrong in (other, None, 3):
        with pytest.raises((ValueError, TypeError)):
            call(wrong)
