"""The gradients of a convolution: by its weights, its bias and its images."""

import numpy as np
import pytest
from support.closeness import assert_close_sum, assert_same_bits
from support.gradients.calls import (
    conv_bias_gradient,
    conv_data_gradient,
    conv_weight_gradient,
)
from support.samples import around, normal, small_integers

from alexnet_cy.oracle.gradients import conv2d_gradients

ALGORITHMS = ["direct", "winograd"]
# (images, channels, height, width, out channels, kernel, stride, groups)
SHAPES = [
    (1, 1, 3, 3, 1, (3, 3), (1, 1), 1),
    (3, 5, 9, 8, 7, (3, 3), (1, 1), 1),
    (2, 8, 15, 15, 40, (5, 5), (1, 1), 2),
    (2, 6, 31, 29, 21, (5, 3), (1, 1), 3),
    (2, 3, 31, 31, 20, (11, 11), (4, 4), 1),
    (1, 2, 14, 12, 5, (4, 3), (2, 3), 1),
    (3, 34, 15, 15, 48, (3, 3), (1, 1), 1),
    (4, 7, 3, 4, 3, (1, 1), (1, 1), 1),
    (0, 4, 5, 5, 3, (3, 3), (1, 1), 1),
]


def problem(shape, draw):
    n, channels, height, width, out_channels, kernel, stride, groups = shape
    x = draw(0, n, channels, height, width)
    weight = draw(1, out_channels, channels // groups, *kernel)
    size = [(a - r) // s + 1 for a, r, s in zip((height, width), kernel, stride, strict=True)]
    e = draw(2, n, out_channels, *size)
    return x, weight, e, {"stride": stride, "groups": groups}


@pytest.mark.parametrize("shape", SHAPES)
def test_small_integers_are_exact(kernels, shape):
    x, weight, e, arguments = problem(shape, small_integers)
    _, exact, bias = conv2d_gradients(x, weight, e, **arguments)
    computed = conv_weight_gradient(x, weight.shape, e, kernels, gap=3, **arguments)
    np.testing.assert_array_equal(computed, exact)
    computed = conv_bias_gradient(e, kernels, groups=arguments["groups"], gap=2)
    np.testing.assert_array_equal(computed, bias)
    computed = conv_weight_gradient(
        x, weight.shape, e, kernels, algorithm="winograd", gap=1, **arguments
    )
    np.testing.assert_array_equal(np.rint(computed), exact)


@pytest.mark.parametrize("shape", SHAPES)
def test_direct_weights_are_one_chain(kernels, shape):
    x, weight, e, arguments = problem(shape, normal)
    _, exact, _ = conv2d_gradients(x, weight, e, **arguments)
    _, magnitude, _ = conv2d_gradients(np.abs(x), weight, np.abs(e), **arguments)
    computed = conv_weight_gradient(x, weight.shape, e, kernels, **arguments)
    assert_close_sum(computed, exact, len(x) * e.shape[2] * e.shape[3], magnitude)


@pytest.mark.parametrize("shape", SHAPES[:-1])
def test_winograd_weights_are_near(kernels, shape):
    """Largest error 2e-5 of the largest value: the contract of the forward pass."""
    x, weight, e, arguments = problem(shape, normal)
    _, exact, _ = conv2d_gradients(x, weight, e, **arguments)
    computed = conv_weight_gradient(x, weight.shape, e, kernels, algorithm="winograd", **arguments)
    assert np.abs(computed - exact).max() <= 2e-5 * np.abs(exact).max()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("channels", [1, 7, 8, 17, 33])
def test_channels_about_vectors_and_panels(kernels, tile, channels, algorithm):
    for out_channels in sorted({1, 9, *around(tile[0], tile[2], 2 * tile[2])}):
        x, e = small_integers(0, 2, channels, 7, 8), small_integers(1, 2, out_channels, 5, 6)
        weight = small_integers(2, out_channels, channels, 3, 3)
        dx, dweight, _ = conv2d_gradients(x, weight, e)
        computed = conv_weight_gradient(x, weight.shape, e, kernels, algorithm=algorithm, gap=1)
        np.testing.assert_array_equal(np.rint(computed), dweight)
        computed = conv_data_gradient(weight, e, kernels, algorithm=algorithm)
        np.testing.assert_array_equal(np.rint(computed), dx)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_data_of_groups(kernels, algorithm):
    for groups, channels, out_channels in ((2, 3, 5), (2, 16, 32), (3, 17, 9)):
        weight = small_integers(0, groups * out_channels, channels, 5, 3)
        e = small_integers(1, 2, groups * out_channels, 6, 7)
        x = np.zeros((2, groups * channels, 10, 9), np.float32)
        dx, _, _ = conv2d_gradients(x, weight, e, groups=groups)
        computed = conv_data_gradient(weight, e, kernels, groups=groups, algorithm=algorithm)
        np.testing.assert_array_equal(np.rint(computed), dx)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("shape", [SHAPES[1], SHAPES[2], SHAPES[4], SHAPES[6]])
def test_bits_do_not_depend_on_threads_and_blocks(kernels, shape, algorithm):
    shape = (5, *shape[1:])
    x, weight, e, arguments = problem(shape, normal)
    arguments["algorithm"] = algorithm
    alone = conv_weight_gradient(x, weight.shape, e, kernels, **arguments)
    for threads, block in ((2, None), (3, 1), (7, 2), (1, 3), (2, 4)):
        computed = conv_weight_gradient(
            x, weight.shape, e, kernels, threads=threads, block=block, **arguments
        )
        assert_same_bits(computed, alone)
    alone = conv_bias_gradient(e, kernels, groups=arguments["groups"])
    for threads, block in ((2, None), (3, 1), (7, 2)):
        computed = conv_bias_gradient(
            e, kernels, groups=arguments["groups"], threads=threads, block=block
        )
        assert_same_bits(computed, alone)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_adjoint(kernels, algorithm):
    """<e, conv(x, w)> is <dw, w> and <dx, x>, whatever the three are."""
    x, weight, e, _ = problem(SHAPES[6], normal)
    dx = conv_data_gradient(weight, e, kernels, algorithm=algorithm)
    dweight = conv_weight_gradient(x, weight.shape, e, kernels, algorithm=algorithm)
    by_images = np.vdot(dx.astype(np.float64), x)
    by_weights = np.vdot(dweight.astype(np.float64), weight)
    norms = np.linalg.norm(dx) * np.linalg.norm(x)
    assert abs(by_images - by_weights) <= 1e-5 * norms


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_nan_spoils_its_own_channels_alone(kernels, algorithm):
    x, weight, e, arguments = problem(SHAPES[1], normal)
    e[1, 2, 3, 3] = np.nan
    computed = conv_weight_gradient(x, weight.shape, e, kernels, algorithm=algorithm, **arguments)
    assert np.isnan(computed[2]).any(axis=(1, 2)).all()
    assert np.isfinite(np.delete(computed, 2, axis=0)).all()
