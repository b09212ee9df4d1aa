"""The gradients of a fully connected layer."""

import numpy as np
import pytest
from support.closeness import assert_close_sum, assert_same_bits
from support.gradients.calls import linear_weight_gradient
from support.samples import around, normal, small_integers

from alexnet_cy.contracts.tensors import ArrayTensor
from alexnet_cy.engine.packed.linear_packing import pack_linear
from alexnet_cy.kernels.training._linear_gradients import (
    LinearDataGradient,
    LinearWeightGradient,
    linear_update,
)
from alexnet_cy.kernels.training._update import sgd
from alexnet_cy.oracle.gradients import linear_gradients

IMAGES = [1, 2, 5, 33, 130]
INPUTS = [1, 5, 47, 97, 200]


def data_gradient(weight, e, kernels, mask=None, scale=1.0, threads=1):
    packed = pack_linear(ArrayTensor(weight), None, kernels, 1)
    dx = np.full((len(e), weight.shape[1]), np.nan, np.float32)
    LinearDataGradient(packed, e, dx, mask, scale).run(threads)
    return dx


@pytest.mark.parametrize("images", IMAGES)
@pytest.mark.parametrize("inputs", INPUTS)
def test_small_integers_are_exact(kernels, tile, images, inputs):
    for outputs in sorted({1, *around(tile[0], tile[2], 3 * tile[2])}):
        x, e = small_integers(0, images, inputs), small_integers(1, images, outputs)
        weight = small_integers(2, outputs, inputs)
        dx, dweight, _ = linear_gradients(x, weight, e)
        np.testing.assert_array_equal(linear_weight_gradient(x, e, kernels), dweight)
        np.testing.assert_array_equal(data_gradient(weight, e, kernels), dx)


def test_near_the_definition(kernels):
    x, e, weight = normal(0, 70, 130), normal(1, 70, 1000), normal(2, 1000, 130)
    dx, dweight, _ = linear_gradients(x, weight, e)
    dx_of, dweight_of, _ = linear_gradients(np.abs(x), np.abs(weight), np.abs(e))
    assert_close_sum(data_gradient(weight, e, kernels), dx, 1000, dx_of)
    assert_close_sum(linear_weight_gradient(x, e, kernels), dweight, 70, dweight_of)


def test_the_mask_and_the_scale(kernels):
    weight, e = small_integers(0, 9, 37), small_integers(1, 6, 9)
    mask = small_integers(2, 6, 37)
    mask[0, :4] = [np.nan, -0.0, np.inf, 1e-45]
    computed = data_gradient(weight, e, kernels, mask, 2.0)
    exact = np.where(mask > 0, 2 * (e.astype(np.float64) @ weight), 0)
    np.testing.assert_array_equal(computed, exact)


def test_bits_do_not_depend_on_threads_blocks_and_company(kernels):
    x, e, weight = normal(0, 135, 300), normal(1, 135, 77), normal(2, 77, 300)
    dweight, dx = linear_weight_gradient(x, e, kernels), data_gradient(weight, e, kernels)
    for threads, block in ((2, None), (3, 1), (7, 50), (2, 128)):
        assert_same_bits(
            linear_weight_gradient(x, e, kernels, threads=threads, block=block), dweight
        )
        assert_same_bits(data_gradient(weight, e, kernels, threads=threads), dx)
    for part in (slice(0, 1), slice(3, 8), slice(100, 135)):
        assert_same_bits(data_gradient(weight, e[part], kernels), dx[part])


def test_no_images(kernels):
    x, e = np.zeros((0, 5), np.float32), np.zeros((0, 7), np.float32)
    assert_same_bits(linear_weight_gradient(x, e, kernels), np.zeros((7, 5), np.float32))
    assert data_gradient(np.zeros((7, 5), np.float32), e, kernels).shape == (0, 5)


@pytest.mark.parametrize("rate_inside", [False, True])
@pytest.mark.parametrize(
    ("images", "inputs", "outputs"), [(1, 5, 7), (33, 130, 77), (128, 97, 64), (300, 40, 50)]
)
def test_the_update_in_the_same_pass(kernels, images, inputs, outputs, rate_inside):
    x, e = normal(0, images, inputs), normal(1, images, outputs)
    weight, settings = normal(2, outputs, inputs), (0.01, 0.9, 5e-4, rate_inside)
    results = []
    for threads in (0, 1, 2, 3, 7):
        packed = pack_linear(ArrayTensor(weight), None, kernels, 1)
        flat = np.frombuffer(packed.weight_memory, np.float32)
        velocity = flat * np.float32(0.1)
        if threads:
            linear_update(packed, x, e, velocity, *settings, None, threads)
        else:
            gradient = np.zeros_like(flat)
            LinearWeightGradient(packed, x, e, gradient, False).run(1)
            sgd(kernels, flat, gradient, velocity, *settings, 1)
        results.append((flat, velocity))
    for flat, velocity in results[1:]:
        assert_same_bits(flat, results[0][0])
        assert_same_bits(velocity, results[0][1])


@pytest.mark.parametrize(
    ("images", "inputs", "outputs"), [(1, 5, 7), (33, 130, 77), (3, 61, 1000), (300, 97, 500)]
)
def test_an_update_hands_the_gradient_back_by_the_weights_as_they_were(
    kernels, images, inputs, outputs
):
    x, e = normal(0, images, inputs), normal(1, images, outputs)
    weight, settings = normal(2, outputs, inputs), (0.01, 0.9, 5e-4, False)
    expected = data_gradient(weight, e, kernels, mask=x, scale=2.0)
    results = []
    for data, threads in ((False, 1), (True, 1), (True, 2), (True, 7)):
        packed = pack_linear(ArrayTensor(weight), None, kernels, 1)
        flat = np.frombuffer(packed.weight_memory, np.float32)
        velocity, dx = flat * np.float32(0.1), np.full_like(x, np.nan)
        bound = LinearDataGradient(packed, e, dx, x, 2.0) if data else None
        linear_update(packed, x, e, velocity, *settings, bound, threads)
        if data:
            assert_same_bits(dx, expected)
        results.append((flat, velocity))
    for flat, velocity in results[1:]:
        assert_same_bits(flat, results[0][0])
        assert_same_bits(velocity, results[0][1])


def test_the_gradient_handed_back_is_of_the_same_arrays(kernels):
    packed = pack_linear(ArrayTensor(normal(0, 7, 5)), None, kernels, 1)
    velocity, x, e = np.zeros(packed.row_stride * 5, np.float32), normal(0, 2, 5), normal(1, 2, 7)
    other = LinearDataGradient(packed, e.copy(), np.empty_like(x), None, 1.0)
    with pytest.raises(ValueError, match="data: is bound to other arrays"):
        linear_update(packed, x, e, velocity, 0.01, 0.9, 0, True, other, 1)


def test_an_update_needs_images(kernels):
    packed = pack_linear(ArrayTensor(normal(0, 7, 5)), None, kernels, 1)
    velocity = np.zeros(packed.row_stride * 5, np.float32)
    with pytest.raises(ValueError, match="x: an update needs images, got none"):
        linear_update(
            packed, normal(0, 0, 5), normal(1, 0, 7), velocity, 0.01, 0.9, 0, True, None, 1
        )
