"""Beside the package lpips and PyTorch, on random convolutions: values, layers' parts and maps."""

import warnings

import numpy as np
import pytest
from support.perceptual import random_images, random_trunk

from alexnet_cy.perceptual import LPIPS
from alexnet_cy.perceptual.trunk import LAYERS

torch = pytest.importorskip("torch")
try:
    import lpips as peer
except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision is for another torch
    pytest.skip(f"no lpips: {error}", allow_module_level=True)

SIZES = [(31, 31), (31, 64), (32, 32), (33, 40), (63, 31), (64, 64), (65, 66), (71, 113)]
SIZES += [(96, 96), (100, 99), (127, 128), (128, 128), (131, 77), (150, 200), (192, 64)]
SIZES += [(223, 225), (224, 224), (256, 256), (260, 301), (320, 240)]

# The convolutions among lpips' slices of torchvision's AlexNet, numbered as there.
CONVOLUTIONS = {"slice1.0", "slice2.3", "slice3.6", "slice4.8", "slice5.10"}


def peer_metric(trunk, version, *, spatial, learnt=True):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torchvision's and torch's older arguments
        metric = peer.LPIPS(
            net="alex",
            version=version,
            lpips=learnt,
            spatial=spatial,
            pnet_rand=True,
            verbose=False,
        )
    with torch.no_grad():
        for layer, name in zip(LAYERS, sorted(CONVOLUTIONS), strict=True):
            convolution = metric.net.get_submodule(name)
            convolution.weight.copy_(torch.from_numpy(trunk[f"{layer}.weight"]))
            convolution.bias.copy_(torch.from_numpy(trunk[f"{layer}.bias"]))
    return metric


def as_tensor(image):
    return torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1)


@pytest.mark.parametrize("version", ["0.1", "0.0"])
@pytest.mark.parametrize("learnt", [True, False])
def test_beside_lpips(version, learnt):
    for seed, size in enumerate(SIZES if learnt and version == "0.1" else SIZES[::7]):
        trunk = random_trunk(seed)
        a, b = random_images(seed, 2, *size)
        found = LPIPS(trunk, version=version, lpips=learnt).compare(a, b, maps=True)
        with torch.no_grad():
            for spatial in (False, True):
                metric = peer_metric(trunk, version, spatial=spatial, learnt=learnt)
                value, parts = metric(as_tensor(a), as_tensor(b), retPerLayer=True)
                if spatial:
                    np.testing.assert_allclose(found.map, value[0, 0], rtol=0, atol=1e-5)
                    continue
                assert found.distance == pytest.approx(value.item(), abs=1e-5)
                parts = [part.item() for part in parts]
                np.testing.assert_allclose(found.layers, parts, rtol=0, atol=1e-5)


def test_tensors_are_taken(trunk):
    a, b = random_images(0, 2)
    metric = LPIPS(trunk)
    x, y = as_tensor(a), as_tensor(b)
    assert metric(x, y, data_range=(-1, 1))[0] == pytest.approx(metric(a, b), rel=1e-5)
    assert metric(x[0], y[0], data_range=(-1, 1)) == metric(x, y, data_range=(-1, 1))[0]
