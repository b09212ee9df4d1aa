"""Side by side with torch: torchvision's network of the same weights, images of several sizes."""

from __future__ import annotations

import numpy as np
import pytest
from synthesis.narrow import narrow
from synthesis.networks import random_tensors
from synthesis.programs.torch_module import as_torch_module

from alexnet_cy import AlexNet
from alexnet_cy.weights.pytorch import read as torch_pth

torch = pytest.importorskip("torch")

VARIANT = narrow("torchvision")


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(("height", "width"), [(224, 224), (256, 320), (63, 63)])
def test_logits_are_those_of_torch(tmp_path, height, width, exact):
    module = as_torch_module(torch, random_tensors(VARIANT)).eval()
    path = tmp_path / "alexnet.pth"
    torch.save(module.state_dict(), path)
    images = np.random.default_rng(1).standard_normal((2, 3, height, width), np.float32)
    with torch.no_grad():
        theirs = module(torch.from_numpy(images)).numpy()
    net = AlexNet(VARIANT, torch_pth.read(path).tensors, exact=exact)
    ours = net.forward(images, ["fc8"])["fc8"]
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()
