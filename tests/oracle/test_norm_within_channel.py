"""Local response normalisation within channels: the definition beside Caffe's two ways to say it.

Sources: src/caffe/test/test_lrn_layer.cpp (ReferenceLRNForward, TestForwardWithinChannel and
TestGradientWithinChannel), src/caffe/layers/lrn_layer.cpp and pooling_layer.cpp of BVLC/caffe.
Caffe's test draws its input at random and computes what it expects; it states no numbers.
"""

import numpy as np
import pytest
from support.samples import normal

from alexnet_cy import ops
from alexnet_cy.network import LRN
from alexnet_cy.oracle.baseline import baseline_layer
from alexnet_cy.oracle.definitions import local_response_norm
from alexnet_cy.oracle.gradients import local_response_norm_gradient

# test_lrn_layer.cpp: a blob of 2 x 7 x 3 x 3, local_size 3, and LRNParameter's defaults
# (caffe.proto); EXPECT_NEAR within 1e-5.
SHAPE, SIZE, ALPHA, BETA, CAFFES_TOLERANCE = (2, 7, 3, 3), 3, 1.0, 0.75, 1e-5
WITHIN = {"alpha": ALPHA, "beta": BETA, "region": "within_channel"}


def as_caffes_test(x, size, alpha=ALPHA, beta=BETA):
    """Compute as ReferenceLRNForward does: pixel by pixel, over windows clipped to the image."""
    y = np.empty(x.shape)
    for n, c, h, w in np.ndindex(*x.shape):
        window = x[
            n,
            c,
            max(0, h - (size - 1) // 2) : h - (size - 1) // 2 + size,
            max(0, w - (size - 1) // 2) : w - (size - 1) // 2 + size,
        ].astype(np.float64)
        y[n, c, h, w] = x[n, c, h, w] / (1 + alpha / size**2 * np.sum(window**2)) ** beta
    return y


def as_caffes_layers(x, size, alpha=ALPHA, beta=BETA):
    """Compute as LRNLayer does: power, average pooling with its own count, power, product."""
    pad, (height, width) = (size - 1) // 2, x.shape[2:]
    squares = x.astype(np.float64) ** 2
    average = np.zeros(x.shape)
    for h, w in np.ndindex(height, width):
        top, left = h - pad, w - pad
        bottom, right = min(top + size, height + pad), min(left + size, width + pad)
        count = (bottom - top) * (right - left)  # of the padded image
        inside = squares[:, :, max(0, top) : min(bottom, height), max(0, left) : min(right, width)]
        average[:, :, h, w] = inside.sum(axis=(2, 3)) / count
    return x * (1 + alpha * average) ** -beta


def test_caffes_forward_within_channel():
    x = normal(1701, *SHAPE)
    exact = local_response_norm(x, SIZE, **WITHIN)
    np.testing.assert_allclose(exact, as_caffes_test(x, SIZE), rtol=1e-14)
    np.testing.assert_allclose(exact, as_caffes_layers(x, SIZE), rtol=1e-14)
    computed = ops.local_response_norm(x, SIZE, **WITHIN)
    assert np.abs(computed - as_caffes_test(x, SIZE)).max() <= CAFFES_TOLERANCE


@pytest.mark.parametrize("size", [1, 3, 5, 9, 15])
@pytest.mark.parametrize("image", [(1, 1), (2, 9), (7, 4), (6, 6)])
def test_borders_of_any_window(size, image):
    """Caffe's pooling divides by size x size at the borders too, whatever hangs over them."""
    x = 3 * normal(size, 2, 3, *image)
    exact = local_response_norm(x, size, **WITHIN)
    np.testing.assert_allclose(exact, as_caffes_test(x, size), rtol=1e-13)
    np.testing.assert_allclose(exact, as_caffes_layers(x, size), rtol=1e-13)


def test_by_hand():
    x = np.array([[[[3.0, 1.0], [0.0, 2.0]]]])
    y = local_response_norm(x, 3, alpha=9.0, beta=1.0, k=2.0, region="within_channel")
    np.testing.assert_array_equal(y, x / (2 + 14))  # each window holds all four pixels


def test_caffes_gradient_within_channel():
    """GradientChecker(1e-2, 1e-2): steps of 0.01; within a hundredth of the larger, at least 1."""
    x, step = normal(1701, *SHAPE).astype(np.float64), 1e-2
    for n, c, h, w in np.ndindex(1, 2, 3, 3):  # each output by each input of its channel
        dy = np.zeros(SHAPE)
        dy[n, c, h, w] = 1
        computed = local_response_norm_gradient(x, dy, SIZE, **WITHIN)
        for i, j in np.ndindex(3, 3):
            sides = []
            for change in (step, -step):
                moved = x.copy()
                moved[n, c, i, j] += change
                sides.append(as_caffes_test(moved, SIZE)[n, c, h, w])
            estimated = (sides[0] - sides[1]) / (2 * step)
            scale = max(abs(computed[n, c, i, j]), abs(estimated), 1)
            assert abs(computed[n, c, i, j] - estimated) <= 1e-2 * scale


@pytest.mark.parametrize("size", [1, 3, 7])
def test_gradient_is_that_of_central_differences(size):
    x, dy = normal(0, 2, 3, 4, 5).astype(np.float64), normal(1, 2, 3, 4, 5).astype(np.float64)
    settings = {"alpha": 0.5, "beta": 0.75, "k": 1.5, "region": "within_channel"}
    dx = local_response_norm_gradient(x, dy, size, **settings)
    for place in np.ndindex(*x.shape):
        sides = []
        for change in (1e-5, -1e-5):
            moved = x.copy()
            moved[place] += change
            sides.append((dy * local_response_norm(moved, size, **settings)).sum())
        assert dx[place] == pytest.approx((sides[0] - sides[1]) / 2e-5, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("divided", [False, True])
def test_the_numpy_baseline(divided):
    layer = LRN("norm", 3, 0.2, 0.6, 2.0, divide_alpha_by_size=divided, region="within_channel")
    x = normal(0, 2, 3, 5, 4)
    alpha = 0.2 if divided else 0.2 * 9
    exact = local_response_norm(x, 3, alpha=alpha, beta=0.6, k=2.0, region="within_channel")
    np.testing.assert_allclose(baseline_layer(layer, x), exact, rtol=2e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 4, "region": "within_channel"}, "size: need an odd number of pixels"),
        ({"region": "WITHIN_CHANNEL"}, "region: need 'across_channels' or 'within_channel', got"),
        ({"region": None}, "region: need 'across_channels' or 'within_channel', got None"),
    ],
)
@pytest.mark.parametrize("normalise", [ops.local_response_norm, local_response_norm])
def test_errors(normalise, arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        normalise(np.ones((1, 2, 3, 3), np.float32), **arguments)


def test_no_images():
    x = np.zeros((0, 2, 5, 5), np.float32)
    for normalise in (ops.local_response_norm, local_response_norm):
        assert normalise(x, 3, region="within_channel").shape == x.shape
