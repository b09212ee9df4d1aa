"""Cross entropy, dropout by counter, and the update."""

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.samples import normal

from alexnet_cy.kernels.training._dropout import dropout
from alexnet_cy.kernels.training._loss import cross_entropy
from alexnet_cy.kernels.training._update import sgd
from alexnet_cy.oracle import gradients


def entropy(kernels, z, labels, weights=None, divisor=1.0, threads=1):
    dz, losses = np.full_like(z, np.nan), np.full(len(z), np.nan)
    cross_entropy(kernels, z, labels, weights, divisor, dz, losses, threads)
    return dz, losses


@pytest.mark.parametrize("classes", [1, 2, 10, 1000])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy(kernels, classes, weighted):
    z = 10 * normal(0, 5, classes)
    labels = np.random.default_rng(1).integers(0, classes, 5)
    weights = np.linspace(0.5, 2, classes, dtype=np.float32) if weighted else None
    dz, losses = entropy(kernels, z, labels, weights, 7.0)
    of_images = np.ones(5) if weights is None else weights[labels]
    loss, exact = gradients.cross_entropy(z, labels, of_images)
    np.testing.assert_allclose(losses.sum(), loss, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(dz, exact / 7, rtol=3e-7, atol=1e-14)
    for threads in (2, 3, 7):
        again, same = entropy(kernels, z, labels, weights, 7.0, threads)
        assert_same_bits(again, dz)
        np.testing.assert_array_equal(same, losses)


def test_cross_entropy_of_extremes(kernels):
    z = np.array([[3e38, -3e38], [np.nan, 0], [np.inf, 0], [-np.inf, 0]], np.float32)
    dz, losses = entropy(kernels, z, np.array([0, 1, 1, 1]))
    assert losses[0] == 0
    assert losses[3] == 0
    assert np.isnan(losses[1:3]).all()
    assert np.isnan(dz[1:3]).all()
    np.testing.assert_array_equal(dz[[0, 3]], 0)


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_that_is_no_class(kernels, label):
    with pytest.raises(ValueError, match=f"labels: got {label} for image 1, need 0 to 2"):
        entropy(kernels, normal(0, 2, 3), np.array([0, label]))


def philox(counter, key):
    """Philox 4x32-10 as its paper defines it, in Python's whole numbers."""
    words, (k0, k1) = list(counter), key
    for _ in range(10):
        first, second = 0xD2511F53 * words[0], 0xCD9E8D57 * words[2]
        words = [
            second >> 32 ^ words[1] ^ k0,
            second & 0xFFFFFFFF,
            first >> 32 ^ words[3] ^ k1,
            first & 0xFFFFFFFF,
        ]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return words


def test_philox_has_the_published_answers():
    """The known-answer tests of Random123 1.14, kat_vectors: philox4x32 10."""
    full = 0xFFFFFFFF
    assert philox((0,) * 4, (0, 0)) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox((full,) * 4, (full, full)) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


@pytest.mark.parametrize("p", [0.0, 0.5, 0.3])
@pytest.mark.parametrize("units", [1, 3, 4, 5, 9])
def test_dropout_by_counter(kernels, p, units):
    x, images = normal(0, 3, units), np.array([0, 7, 2**33 + 1])
    y = np.full_like(x, np.nan)
    seed, stream, step = 2**40 + 5, 4, 9
    dropout(kernels, x, y, p, seed, stream, step, images, 2)
    key = (seed & 0xFFFFFFFF, seed >> 32 ^ stream)
    words = [
        philox((i // 4, step, image & 0xFFFFFFFF, image >> 32), key)[i % 4]
        for image in images.tolist()
        for i in range(units)
    ]
    kept = np.reshape(np.array(words) >= int(p * 2**32), x.shape)
    expected = np.where(kept, x * np.float32(1 / (1 - p)), np.float32(0))
    assert_same_bits(y, expected)


def test_dropout_keeps_its_share_and_its_images(kernels):
    x = np.ones((64, 4096), np.float32)
    y, again = np.empty_like(x), np.empty_like(x)
    dropout(kernels, x, y, 0.5, 1, 4, 0, np.arange(64), 1)
    assert abs(np.count_nonzero(y) / x.size - 0.5) < 0.004  # four standard deviations
    assert set(np.unique(y)) == {0, 2}
    for threads in (2, 3, 7):
        dropout(kernels, x, again, 0.5, 1, 4, 0, np.arange(64), threads)
        assert_same_bits(again, y)
    order = np.random.default_rng(0).permutation(64)
    dropout(kernels, x, again, 0.5, 1, 4, 0, order, 2)
    assert_same_bits(again, y[order])
    for other in ((2, 4, 0), (1, 5, 0), (1, 4, 1)):
        dropout(kernels, x, again, 0.5, *other, np.arange(64), 2)
        assert abs((again == y).mean() - 0.5) < 0.004


@pytest.mark.parametrize("p", [-0.1, 1.0, np.nan])
def test_a_probability_of_dropout(kernels, p):
    x = np.ones((1, 4), np.float32)
    with pytest.raises(ValueError, match=r"p: need 0 <= p < 1, got "):
        dropout(kernels, x, x, p, 0, 0, 0, np.zeros(1, np.int64), 1)


@pytest.mark.parametrize("rate_inside", [False, True])
@pytest.mark.parametrize("length", [1, 3, 17, 70_001])
def test_sgd(kernels, rate_inside, length):
    weight, gradient, velocity = (normal(i, length) for i in range(3))
    rate, momentum, decay = 0.01, 0.9, 5e-4
    d = gradient + decay * weight.astype(np.float64)
    if rate_inside:
        exact_velocity = momentum * velocity + rate * d
        exact = weight - exact_velocity
    else:
        exact_velocity = momentum * velocity + d
        exact = weight - rate * exact_velocity
    results = []
    for threads in (1, 2, 3, 7):
        w, v = weight.copy(), velocity.copy()
        sgd(kernels, w, gradient, v, rate, momentum, decay, rate_inside, threads)
        np.testing.assert_allclose(w, exact, rtol=0, atol=1e-6)
        np.testing.assert_allclose(v, exact_velocity, rtol=0, atol=1e-6)
        results.append((w, v))
    for w, v in results:
        assert_same_bits(w, results[0][0])
        assert_same_bits(v, results[0][1])


def test_a_rate_of_zero_changes_no_bit(kernels):
    weight, gradient, velocity = (normal(i, 1000) for i in range(3))
    for rate_inside in (False, True):
        w, v = weight.copy(), np.zeros_like(velocity)
        sgd(kernels, w, gradient, v, 0.0, 0.9, 5e-4, rate_inside, 2)
        assert_same_bits(w, weight)
