"""The same bits for any threads, any company and either order; 0 for equal images."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations

import numpy as np
import pytest
from support.perceptual import random_images

from alexnet_cy.perceptual import LPIPS


@pytest.mark.usefixtures("isa")
def test_either_order_and_equal_images(trunk):
    metric = LPIPS(trunk)
    a, b = random_images(0, 2, 50, 70)
    there, back = metric.compare(a, b, maps=True), metric.compare(b, a, maps=True)
    assert there.distance == back.distance > 0
    np.testing.assert_array_equal(there.layers, back.layers)
    np.testing.assert_array_equal(there.map, back.map)
    same = metric.compare(a, a.copy(), maps=True)
    assert same.distance == 0
    assert not same.map.any()


@pytest.mark.usefixtures("isa")
def test_company_and_threads(trunk):
    metric = LPIPS(trunk)
    a, b = random_images(1, 11), random_images(2, 11)
    together = metric.compare(a, b, maps=True, threads=1)
    assert together.distance.shape == (11,)
    assert together.layers.shape == (11, 5)
    assert together.map.shape == (11, 64, 64)
    for threads in (2, 3):
        again = metric.compare(a, b, maps=True, threads=threads)
        np.testing.assert_array_equal(again.layers, together.layers)
        np.testing.assert_array_equal(again.map, together.map)
    for i in (0, 4, 10):
        alone = metric.compare(a[i], b[i], maps=True)
        assert alone.distance == together.distance[i]
        np.testing.assert_array_equal(alone.map, together.map[i])


def test_several_threads_on_one_metric(trunk):
    metric = LPIPS(trunk)
    pairs = [(*random_images(seed, 2, 40 + seed % 3, 50),) for seed in range(12)]
    expected = [metric(a, b, threads=1) for a, b in pairs]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda pair: metric(*pair, threads=2), pairs)) == expected


def test_one_with_many_in_either_place(metric):
    one, many = random_images(3, 1)[0], random_images(4, 10)
    expected = [metric(one, other) for other in many]
    assert metric(one, many).tolist() == expected
    assert metric(many, one).tolist() == expected
    assert metric(one, list(many)).tolist() == expected
    assert metric(one, iter(many)).tolist() == expected


def test_neighbours_and_all_pairs(metric, monkeypatch):
    images = random_images(5, 7)
    expected = {(i, j): metric(images[i], images[j]) for i, j in combinations(range(7), 2)}
    neighbours = [(r.a, r.b, r.comparison.distance) for r in metric.iter_neighbours(images)]
    assert neighbours == [(i, i + 1, expected[i, i + 1]) for i in range(6)]
    for kept_bytes in (256 << 20, 400_000):  # all of them, and two at a time
        monkeypatch.setattr("alexnet_cy.perceptual.pairing.KEPT_BYTES", kept_bytes)
        found = {(r.a, r.b): r.comparison.distance for r in metric.iter_all_pairs(images)}
        assert found == expected


def test_images_of_several_sizes(metric):
    small, large = random_images(6, 3, 40, 40), random_images(7, 3, 50, 41)
    a, b = [small[0], large[0], small[1]], [small[2], large[1], small[0]]
    assert metric(a, b).tolist() == [metric(x, y) for x, y in zip(a, b, strict=True)]
    with pytest.raises(ValueError, match="maps: the images are of 2 sizes"):
        metric.compare(a, b, maps=True)
    maps = [result.comparison.map for result in metric.iter_compare(a, b, maps=True)]
    assert [m.shape for m in maps] == [(40, 40), (50, 41), (40, 40)]


@pytest.mark.slow
@pytest.mark.parametrize("size", [(33, 33), (200, 90), (99, 140)])
def test_tiles_give_the_bits_of_the_whole(trunk, monkeypatch, size):
    """Without Winograd, whose tiles are cut by the size of the image."""
    metric = LPIPS(trunk, exact=True)
    a, b = random_images(8, 2, *size)
    whole = metric.compare(a, b, maps=True)
    for core in (32, 100):
        monkeypatch.setattr("alexnet_cy.perceptual.tiles.WHOLE_PIXELS", 0)
        monkeypatch.setattr("alexnet_cy.perceptual.tiles.CORE_PIXELS", core)
        cut = metric.compare(a, b, maps=True)
        np.testing.assert_array_equal(cut.layers, whole.layers)
        np.testing.assert_array_equal(cut.map, whole.map)
        assert metric(a, [b, a]).tolist() == [whole.distance, 0]
        found = [r.comparison.distance for r in metric.iter_all_pairs([a, b])]
        assert found == [whole.distance]
