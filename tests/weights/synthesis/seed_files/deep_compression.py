"""Deep Compression's file, for the tests of all formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthesis.programs.deep_compression_file import quantise, write_net

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from alexnet_cy.network.variants import Variant


def _write(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    return write_net(directory / "network.net", tensors)


SEEDS = {"deep-compression-net": _write}
VARIANTS = {"deep-compression-net": ("caffe",)}
ROUNDING = {"deep-compression-net": quantise}
