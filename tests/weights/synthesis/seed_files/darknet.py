"""Darknet's ``.weights``, written from the layout in pjreddie/darknet, src/parser.c."""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from alexnet_cy.network.variants import Variant


def file_bytes(tensors: dict[str, np.ndarray], minor: int = 2) -> bytes:
    seen = struct.pack("<Q" if minor >= 2 else "<I", 12_800_000)
    parts = [struct.pack("<3i", 0, minor, 0), seen]
    for name, weight in tensors.items():
        if name.endswith(".weight"):
            parts += [tensors[name.replace(".weight", ".bias")].tobytes(), weight.tobytes()]
    return b"".join(parts)


def _write(minor: int, directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    path = directory / "network.weights"
    path.write_bytes(file_bytes(tensors, minor))
    return path


SEEDS = {"darknet-0.2": partial(_write, 2), "darknet-0.1": partial(_write, 1)}
VARIANTS = {name: ("torchvision", "ungrouped") for name in SEEDS}
