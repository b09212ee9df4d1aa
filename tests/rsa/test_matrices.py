"""RDMs, neighbours and what they refuse, against plain loops and SciPy."""

import numpy as np
import pytest

from alexnet_cy.rsa import cka, nearest, rdm

METRICS = ["correlation", "cosine", "euclidean"]


def features(seed=0, n=12, shape=(3, 5, 4), offset=2.0):
    return np.random.default_rng(seed).normal(offset, 1, (n, *shape)).astype(np.float32)


def plain(x, y, metric):
    x, y = x.astype(float).ravel(), y.astype(float).ravel()
    if metric == "euclidean":
        return np.sqrt(((x - y) ** 2).sum())
    if metric == "correlation":
        x, y = x - x.mean(), y - y.mean()
    return 1 - (x @ y) / np.sqrt((x @ x) * (y @ y))


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_against_plain_loops(metric, dtype, monkeypatch):
    x = features().astype(dtype)
    exact = [[plain(a, b, metric) for b in x] for a in x]
    matrix = rdm(x, metric)
    np.testing.assert_allclose(matrix, exact, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert not matrix.diagonal().any()
    monkeypatch.setattr("alexnet_cy.rsa.rows.COLUMNS", 7)
    np.testing.assert_allclose(rdm(x, metric), matrix, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_against_scipy(metric):
    distance = pytest.importorskip("scipy.spatial.distance")
    x = features(1, 40, (300,))
    exact = distance.squareform(distance.pdist(x.astype(float), metric))
    np.testing.assert_allclose(rdm(x, metric), exact, rtol=1e-9, atol=1e-12)


def test_images_that_are_nearly_the_same():
    """Differences of squares would leave 1e-4 of these, or nothing."""
    x = features(2, 3, (1000,), offset=100.0).astype(float)
    x[1] = x[0]
    x[2] = x[0] + 1e-9
    matrix = rdm(x, "euclidean")
    assert matrix[0, 1] == 0
    assert matrix[0, 2] == pytest.approx(plain(x[0], x[2], "euclidean"), rel=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_neighbours(metric, monkeypatch):
    x = features(3, 20)
    matrix = rdm(x, metric)
    np.fill_diagonal(matrix, np.inf)
    expected = np.argsort(matrix, axis=1, kind="stable")[:, :4]
    for queries in (256, 7):
        monkeypatch.setattr("alexnet_cy.rsa.neighbours.QUERIES_AT_A_TIME", queries)
        found = nearest(x, 4, metric=metric)
        np.testing.assert_array_equal(found.indices, expected)
        distances = np.take_along_axis(matrix, expected, 1)
        np.testing.assert_allclose(found.distances, distances, rtol=1e-9, atol=1e-12)
    some = nearest(x, 4, of=[19, 3, 3], metric=metric)
    np.testing.assert_array_equal(some.indices, expected[[19, 3, 3]])
    assert nearest(x, 4, of=[]).indices.shape == (0, 4)
    of_queries = nearest(x, 20, queries=x[5:7], metric=metric)
    assert of_queries.indices[:, 0].tolist() == [5, 6]
    np.testing.assert_allclose(of_queries.distances[:, 0], 0, atol=1e-7)
    assert sorted(of_queries.indices[0]) == list(range(20))


def test_of_equally_near_ones_the_first_comes_first():
    x = np.ones((5, 3), np.float32)
    assert nearest(x, 4, metric="euclidean").indices.tolist() == [
        [1, 2, 3, 4],
        [0, 2, 3, 4],
        [0, 1, 3, 4],
        [0, 1, 2, 4],
        [0, 1, 2, 3],
    ]


@pytest.mark.parametrize(
    ("x", "metric", "error", "message"),
    [
        (features().astype(int), "cosine", TypeError, "features: need floating-point numbers"),
        (features()[0, 0, 0], "cosine", ValueError, r"need \(N, \.\.\.\) with N at least 2"),
        (features()[:1], "cosine", ValueError, "N at least 2"),
        (np.zeros((3, 0)), "cosine", ValueError, r"got shape \(3, 0\)"),
        (features() * [[[[1, 1, 1, np.nan]]]], "cosine", ValueError, "row 0 is not finite"),
        (features(), "manhattan", ValueError, "metric: need one of correlation, cosine, euclidean"),
        (np.eye(3)[[0, 1, 1]] * [[1], [0], [1]], "cosine", ValueError, "row 1 is all zero"),
        (np.array([[1.0, 2], [0.1, 0.1]]), "correlation", ValueError, "row 1 is constant"),
    ],
)
def test_rdm_refuses(x, metric, error, message):
    with pytest.raises(error, match=message):
        rdm(x, metric)


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "message"),
    [
        ((features(), 12), {}, ValueError, "k: there are 11 images to choose from, got 12"),
        ((features(), 0), {}, ValueError, "k: need a whole number from 1 up"),
        ((features(), 1.5), {}, TypeError, "k: need"),
        ((features(), 2), {"of": [12]}, ValueError, "of: there are 12 rows, got row 12"),
        ((features(), 2), {"of": [-1]}, ValueError, "of: need a whole number from 0 up"),
        ((features(), 2), {"of": [1], "queries": features()}, TypeError, "of, queries: give one"),
        ((features(), 2), {"queries": np.ones((2, 7))}, ValueError, "queries: need rows of 60"),
        ((features(), 2), {"queries": np.zeros((2, 60))}, ValueError, "queries: row 0 is all zero"),
    ],
)
def test_nearest_refuses(arguments, settings, error, message):
    with pytest.raises(error, match=message):
        nearest(*arguments, **settings)


@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e-310])
def test_numbers_whose_products_are_none(scale):
    x = np.random.default_rng(0).normal(size=(4, 6)) * scale
    for call in (rdm, nearest, lambda x: cka(x, x)):
        with pytest.raises(ValueError, match="overflow or vanish"):
            call(x)


@pytest.mark.parametrize("metric", METRICS)
def test_the_ends_of_float32(metric):
    x = np.random.default_rng(0).normal(size=(4, 6))
    for scale in (1e37, 1e-37):
        scaled = rdm((x * scale).astype(np.float32), metric)
        expected = rdm(x, metric) * (scale if metric == "euclidean" else 1)
        np.testing.assert_allclose(scaled, expected, rtol=1e-4, atol=1e-6 * expected.max())
