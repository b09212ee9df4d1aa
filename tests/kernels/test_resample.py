"""The kernels of a resize in 8 bits: their sums, their ends, and what does not fit."""

import numpy as np
import pytest

from alexnet_cy.kernels.images._resample import resample_columns, resample_rows

RNG = np.random.default_rng(0)


def axis(inputs, outputs, taps, seed=0):
    """Draw positions and weights with 22 bits behind the point, in sum 1 or a little more."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, min(taps, inputs) + 1, outputs).astype(np.int32)
    first = (rng.random(outputs) * (inputs - count + 1)).astype(np.int32)
    weight = rng.random((outputs, taps)) * (np.arange(taps) < count[:, np.newaxis])
    weight *= 1.01 / weight.sum(axis=1, keepdims=True)
    return first, count, np.rint(weight * 2**22).astype(np.int32)


def summed(x, first, count, weight):
    """clip((2^21 + sum_k weight[q, k] x[first[q] + k]) >> 22, 0, 255) along the first axis."""
    rows = [
        (2**21 + np.tensordot(w[:n].astype(np.int64), x[i : i + n].astype(np.int64), 1)) >> 22
        for i, n, w in zip(first, count, weight, strict=True)
    ]
    return np.clip(rows, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("width", [1, 2, 7, 31])
@pytest.mark.parametrize("taps", [1, 2, 5, 30])
def test_across(kernels, width, taps):
    x = RNG.integers(0, 256, (5, width, 4), np.uint8)
    x[0] = 255  # with weights that add up to more than 1, beyond what a byte holds
    sums = axis(width, 12, taps)
    y = np.zeros((5, 12, 3), np.uint8)
    resample_columns(kernels, x, *sums, y)
    expected = summed(x.transpose(1, 0, 2), *sums)[..., :3].transpose(1, 0, 2)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("n", [1, 3, 4, 5, 15, 16, 17, 33, 672])
@pytest.mark.parametrize("taps", [1, 4, 9])
def test_down(kernels, n, taps):
    x = RNG.integers(0, 256, (9, n), np.uint8)
    x[:, 0] = 255
    sums = axis(9, 13, taps)
    y = np.zeros((13, n), np.uint8)
    resample_rows(kernels, x, *sums, y)
    np.testing.assert_array_equal(y, summed(x, *sums))


@pytest.mark.parametrize(
    ("x", "first", "count", "taps", "y", "message"),
    [
        ((2, 5, 4), [0, 3], [2, 3], 3, (2, 2, 3), "reach beyond the input"),
        ((2, 5, 4), [-1, 3], [2, 2], 3, (2, 2, 3), "reach beyond the input"),
        ((2, 5, 4), [0, 1], [2, 4], 3, (2, 2, 3), "reach beyond the input"),
        ((2, 5, 4), [0, 1], [2, -1], 3, (2, 2, 3), "reach beyond the input"),
        ((2, 5, 4), [0, 3], [2, 2], 3, (2, 3, 3), "need one for each output"),
        ((2, 5, 4), [0, 3], [2], 3, (2, 2, 3), "need one for each output"),
        ((3, 5, 4), [0, 3], [2, 2], 3, (2, 2, 3), r"x, y: need \(rows, W, 4\)"),
        ((2, 5, 3), [0, 3], [2, 2], 3, (2, 2, 3), r"x, y: need \(rows, W, 4\)"),
        ((5, 8), [0, 3], [2, 3], 3, (2, 8), "reach beyond the input"),
        ((5, 8), [0, 3], [2, 2], 3, (2, 7), "rows are of different lengths"),
    ],
)
def test_what_does_not_fit(kernels, x, first, count, taps, y, message):
    call = resample_columns if len(x) == 3 else resample_rows
    first, count = np.int32(first), np.int32(count)
    weight = np.zeros((len(first), taps), np.int32)
    with pytest.raises(ValueError, match=message):
        call(kernels, np.zeros(x, np.uint8), first, count, weight, np.zeros(y, np.uint8))
