"""Comparison of RDMs and CKA, against the published formulas, plain loops and SciPy."""

from itertools import combinations

import numpy as np
import pytest

from alexnet_cy.rsa import cka, compare, rdm
from alexnet_cy.rsa.comparing import METHODS

RNG = np.random.default_rng(0)


def square(values):
    n = round((1 + np.sqrt(1 + 8 * len(values))) / 2)
    matrix = np.zeros((n, n))
    matrix[np.triu_indices(n, 1)] = values
    return matrix + matrix.T


def pairs_of(seed, n, ties):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    b = a + rng.normal(size=n)
    return (np.round(2 * a), np.round(2 * b)) if ties else (a, b)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [3, 6, 45, 190])
def test_kendall_against_plain_loops(n, ties):
    for seed in range(5):
        a, b = pairs_of(seed, n, ties)
        signs = [(np.sign(a[i] - a[j]), np.sign(b[i] - b[j])) for i, j in combinations(range(n), 2)]
        difference = sum(x * y for x, y in signs)
        if not all(any(sign[axis] for sign in signs) for axis in (0, 1)):
            continue
        assert compare(a, b, "kendall-a") == pytest.approx(difference / len(signs), abs=1e-12)
        untied_a, untied_b = (sum(abs(sign[axis]) for sign in signs) for axis in (0, 1))
        exact = difference / np.sqrt(untied_a * untied_b)
        assert compare(a, b, "kendall") == pytest.approx(exact, abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(
    ("method", "name"),
    [("spearman", "spearmanr"), ("kendall", "kendalltau"), ("pearson", "pearsonr")],
)
def test_against_scipy(method, name, ties):
    stats = pytest.importorskip("scipy.stats")
    for seed in range(5):
        a, b = pairs_of(seed, 435, ties)
        exact = getattr(stats, name)(a, b)[0]
        assert compare(a, b, method) == pytest.approx(exact, abs=1e-12)
        assert compare(square(a), square(b), method) == pytest.approx(exact, abs=1e-12)


def test_spearman_by_hand():
    assert compare([1, 2, 3], [1, 4, 2], "spearman") == pytest.approx(0.5)
    # Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4.
    assert compare([1, 2, 2, 3], [1, 2, 3, 4], "spearman") == pytest.approx(4.5 / np.sqrt(4.5 * 5))


@pytest.mark.parametrize("method", METHODS)
def test_equal_and_opposite(method):
    a = RNG.normal(size=(8, 8))
    a = a + a.T
    assert compare(a, 3 * a + 2, method) == pytest.approx(1)
    assert compare(a, -a, method) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("a", "b", "method", "error", "message"),
    [
        (np.eye(4), np.eye(5), "pearson", ValueError, "a, b: have 6 and 10 pairs"),
        (np.ones((4, 4)), np.eye(4), "spearman", ValueError, "a: all dissimilarities are equal"),
        ([1, 2, 3], [1, 2, 3], "tau", ValueError, "method: need one of spearman, kendall"),
        (np.triu(np.ones((4, 4))), np.eye(4), "pearson", ValueError, "a: need a symmetric matrix"),
        ([1, 2, 3], [1, np.inf, 3], "pearson", ValueError, "b: not all dissimilarities are finite"),
        ([1, 2], [1, 2], "pearson", ValueError, r"a: need \(N, N\) with N at least 3"),
        (["x", "y", "z"], [1, 2, 3], "pearson", TypeError, "a: need numbers"),
    ],
)
def test_compare_refuses(a, b, method, error, message):
    with pytest.raises(error, match=message):
        compare(a, b, method)


def published_cka(x, y):
    """Kornblith et al. (2019), of centred columns: ||Y^T X||^2 / (||X^T X|| ||Y^T Y||)."""
    x, y = (m.reshape(len(m), -1) - m.reshape(len(m), -1).mean(axis=0) for m in (x, y))
    norm = np.linalg.norm
    return norm(y.T @ x) ** 2 / (norm(x.T @ x) * norm(y.T @ y))


def unbiased_by_sums(x, y):
    """The unbiased HSIC as an average over four different images: Song et al. (2012), theorem 5."""
    n = len(x)
    k, other = x @ x.T, y @ y.T

    def hsic(a, b):
        total, count = 0.0, 0
        for i, j, q, r in np.ndindex(n, n, n, n):
            if len({i, j, q, r}) == 4:
                total += a[i, j] * b[i, j] + a[i, j] * b[q, r] - 2 * a[i, j] * b[i, q]
                count += 1
        return total / count

    return hsic(k, other) / np.sqrt(hsic(k, k) * hsic(other, other))


def test_cka_against_the_published_formula():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        x = rng.normal(3, 1, (15, 4, 6))
        y = np.tanh(x.reshape(15, -1) @ rng.normal(size=(24, 9)))
        assert cka(x, y) == pytest.approx(published_cka(x, y), rel=1e-10)
        assert cka(x, x) == pytest.approx(1)


def test_unbiased_cka_against_its_definition():
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(7, 5))
        y = x @ rng.normal(size=(5, 3)) + rng.normal(size=(7, 3))
        assert cka(x, y, unbiased=True) == pytest.approx(unbiased_by_sums(x, y), rel=1e-9)
    assert cka(x, x, unbiased=True) == pytest.approx(1)


def test_cka_of_rotated_and_of_unrelated_features():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 200))
    rotation, _ = np.linalg.qr(rng.normal(size=(200, 200)))
    for unbiased in (False, True):
        assert cka(x, 5 * x @ rotation + 3, unbiased=unbiased) == pytest.approx(1)
    unrelated = rng.normal(size=(30, 300))
    assert cka(x, unrelated) > 0.8  # many features, few images
    assert abs(cka(x, unrelated, unbiased=True)) < 0.1


@pytest.mark.parametrize(
    ("x", "y", "unbiased", "message"),
    [
        (np.eye(4), np.eye(5), False, "x, y: have 4 and 5 rows"),
        (np.eye(3), np.eye(3), True, "x: need .* N at least 4"),
        (np.eye(4), np.ones((4, 2)), False, "y: the images do not differ enough"),
    ],
)
def test_cka_refuses(x, y, unbiased, message):
    with pytest.raises(ValueError, match=message):
        cka(x, y, unbiased=unbiased)


def test_the_layers_of_a_network_in_order():
    """A layer is more like its neighbour than like one far from it."""
    from alexnet_cy import AlexNet

    net = AlexNet.random("torchvision", num_classes=2)
    x = np.random.default_rng(0).normal(size=(12, 3, 64, 64)).astype(np.float32)
    x[6:] += 1
    values = net.forward(x, ["conv1", "conv2", "conv5"])
    near, far = (compare(rdm(values["conv1"]), rdm(values[other])) for other in ("conv2", "conv5"))
    assert near > far


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scale", [1e300, 1e-9, 1e-200, 1e-310])
def test_the_scale_of_dissimilarities_does_not_matter(method, scale):
    """Squares overflow or vanish at the ends."""
    a, b = pairs_of(0, 45, ties=False)
    assert compare(a * scale, b, method) == pytest.approx(compare(a, b, method), rel=1e-6)
    uneven = square(np.abs(a)) * scale
    uneven[0, 1] *= 2
    with pytest.raises(ValueError, match="need a symmetric matrix"):
        compare(uneven, b, method)


def test_equal_tiny_differences():
    a = np.array([1, 1, 1 + 2.3e-16])
    assert compare(a, a, "pearson") == pytest.approx(1)
