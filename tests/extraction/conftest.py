"""What the tests of extraction share: a small network and a folder of small images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.networks import narrow, random_weights

from alexnet_cy import AlexNet

N_IMAGES = 7


@pytest.fixture(scope="session")
def net() -> AlexNet:
    variant = narrow("caffe")
    return AlexNet(variant, random_weights(variant))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven images, img0.png to img6.png; img3.png is none."""
    images = tmp_path / "images"
    images.mkdir()
    rng = np.random.default_rng(1)
    for i in range(N_IMAGES):
        pixels = rng.integers(0, 256, (40, 50 + i, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(images / f"img{i}.png")
    (images / "img3.png").write_bytes(b"no image")
    return images


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two images a batch, and a commit after each."""
    monkeypatch.setattr("alexnet_cy.images.batches.VIEWS_AT_A_TIME", 2)
    monkeypatch.setattr("alexnet_cy.extraction.unfinished.COMMIT_EVERY_S", 0.0)
