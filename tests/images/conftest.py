"""Images made on the spot, and the shared data where it exists."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Encode = Callable[..., bytes]


@pytest.fixture
def encode() -> Encode:
    """The bytes of an image in a format."""

    def encoded(image: Image.Image, format: str, **options: object) -> bytes:
        buffer = io.BytesIO()
        image.save(buffer, format, **options)
        return buffer.getvalue()

    return encoded


@pytest.fixture
def picture() -> Callable[[int, int], Image.Image]:
    """A seeded RGB image of width x height: a smooth pattern with noise on it."""

    def made(width: int, height: int) -> Image.Image:
        rng = np.random.default_rng(width * 65537 + height)
        rows, columns = np.mgrid[0:height, 0:width]
        waves = np.stack([np.sin(columns / 9), np.cos(rows / 7), np.sin((rows + columns) / 5)], -1)
        noisy = 128 + 90 * waves + rng.normal(0, 20, (height, width, 3))
        return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))

    return made


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of photographs and of ImageNet's mean, which is no part of the repository."""
    default = Path(__file__).resolve().parents[3] / "shared"
    folder = Path(os.environ.get("ALEXNET_CY_SHARED", default))
    if not folder.is_dir():
        pytest.skip("no shared data: set ALEXNET_CY_SHARED")
    return folder
