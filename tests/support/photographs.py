"""Folders of small pictures whose classes a network can tell: one colour each, with noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"blue": (30, 40, 200), "green": (40, 190, 60), "red": (200, 40, 50)}


def make_photographs(root: Path, count: int = 10, seed: int = 0, size: int = 48) -> Path:
    """Write `count` PNG files for each of the colours, in folders called like them."""
    rng = np.random.default_rng(seed)
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            pixels = np.array(colour) + rng.normal(0, 25, (size, size, 3))
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(root / name / f"{i}.png")
    return root
