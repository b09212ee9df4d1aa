"""LPIPS against its definition in float64, and against the values of the published weights."""

import pickle

import numpy as np
import pytest
from support.perceptual import exact_maps, random_images

from alexnet_cy import LPIPS, WeightsError, lpips
from alexnet_cy.oracle.perceptual import upsample_bilinear
from alexnet_cy.perceptual.enlarge import add_enlarged
from alexnet_cy.perceptual.linear_weights import CHANNELS, VERSIONS, linear_weights, ones
from alexnet_cy.perceptual.trunk import LAYERS

# In float64, by PyTorch, of the published weights and the images of LPIPS' repository.
PUBLISHED = {
    "ex_p0.png": (0.721880712, (0.0181317, 0.2869684, 0.1598577, 0.1190036, 0.1379194)),
    "ex_p1.png": (0.137565609, (0.0117387, 0.0297147, 0.0353804, 0.0343684, 0.0263634)),
}


@pytest.fixture(scope="module")
def published_trunk(shared):
    path = shared / "weights" / "torchvision-trunk.safetensors"
    if not path.is_file():
        pytest.skip("no published trunk")
    return path


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("exact", [False, True])
def test_published_values(shared, published_trunk, name, exact):
    distance, parts = PUBLISHED[name]
    images = shared / "lpips" / "ex_ref.png", shared / "lpips" / name
    found = LPIPS(published_trunk, exact=exact).compare(*images)
    assert found.distance == pytest.approx(distance, abs=1e-6)
    np.testing.assert_allclose(found.layers, parts, rtol=0, atol=1e-6)
    assert lpips(*images, weights=published_trunk) == pytest.approx(distance, abs=1e-6)


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("learnt", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_against_the_definition(trunk, version, learnt):
    metric = LPIPS(trunk, version=version, lpips=learnt)
    linear = linear_weights(version) if learnt else ones()
    for height, width in ((31, 31), (47, 90)):
        a, b = random_images(height, 2, height, width)
        maps = exact_maps(trunk, linear, a, b, version)
        parts = [of_layer.mean() for of_layer in maps]
        found = metric.compare(a, b, maps=True)
        np.testing.assert_allclose(found.layers, parts, rtol=1e-5)
        assert found.distance == pytest.approx(sum(parts), rel=1e-5)
        whole = sum(upsample_bilinear(of_layer, height, width) for of_layer in maps)
        np.testing.assert_allclose(found.map, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 7), (31, 260), (300, 3)])
def test_enlarging(size):
    small = np.random.default_rng(0).random((3, 7), np.float32)
    total = np.ones(size, np.float32)
    add_enlarged(small, total)
    np.testing.assert_allclose(total - 1, upsample_bilinear(small, *size), atol=1e-6)


def test_the_linear_weights():
    for version in VERSIONS:
        weights = linear_weights(version)
        assert tuple(weights) == LAYERS
        assert tuple(map(len, weights.values())) == CHANNELS
        assert all((of_layer >= 0).all() for of_layer in weights.values())
        assert not any(of_layer.flags.writeable for of_layer in weights.values())
    assert sum(map(len, linear_weights("0.1").values())) == 1152


def test_the_linear_weights_are_the_published_ones(shared):
    with np.load(shared / "lpips" / "lin-v0.1.npz") as published:
        for i, layer in enumerate(LAYERS):
            np.testing.assert_array_equal(linear_weights("0.1")[layer], published[f"lin{i}"])


def test_weights_of_a_whole_network_and_of_the_convolutions_alone(tmp_path, trunk, metric):
    from alexnet_cy.weights.safetensors import write

    path, whole = tmp_path / "trunk.safetensors", tmp_path / "whole.npz"
    write(path, "torchvision", trunk)
    rest = {"fc6.weight": np.zeros((7, 9216), np.float32), "fc6.bias": np.zeros(7, np.float32)}
    np.savez(whole, **trunk, **rest)
    a, b = random_images(0, 2)
    assert LPIPS(path)(a, b) == LPIPS(whole)(a, b) == metric(a, b)
    sent = pickle.loads(pickle.dumps(LPIPS(path)))
    assert sent(a, b) == metric(a, b)
    assert len(pickle.dumps(LPIPS(path))) < 1000
    assert repr(sent) == f"<LPIPS version 0.1, weights: {path}>"


def test_weights_that_are_no_trunk(tmp_path, trunk):
    from alexnet_cy.weights.safetensors import write

    path = tmp_path / "part.safetensors"
    write(path, "torchvision", {k: v for k, v in trunk.items() if not k.startswith("conv4")})
    with pytest.raises(WeightsError, match=r"five convolutions(.|\n)*conv4.weight.*missing"):
        LPIPS(path)
    with pytest.raises(ValueError, match=r"conv4.bias.*missing"):
        LPIPS({k: v for k, v in trunk.items() if k != "conv4.bias"})
    with pytest.raises(ValueError, match=r"version: need one of 0.1, 0.0, got '0.2'"):
        LPIPS(trunk, version="0.2")
