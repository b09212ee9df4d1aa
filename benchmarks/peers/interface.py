"""The interface of a framework's module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Float32Array", "Forward", "NetworkFolder", "Unavailable"]

Float32Array: TypeAlias = NDArray[np.float32]

Forward: TypeAlias = Callable[[Float32Array], Float32Array]
"""Images (batch, 3, size, size) to probabilities (batch, classes)."""


class Unavailable(Exception):
    """The framework cannot do this here; the message says why."""


@dataclass(frozen=True)
class NetworkFolder:
    """A folder with one network in every form, and images to run it on.

    Attributes
    ----------
    path : Path
        Holds what `prepare` writes beside the files below.
    variant : str
        The network's name in alexnet_cy.network.
    """

    path: Path
    variant: str

    @property
    def safetensors(self) -> Path:
        """The weights by canonical name."""
        return self.path / "network.safetensors"

    @property
    def onnx(self) -> Path:
        """The network as an ONNX model of any batch size, "data" to "prob"."""
        return self.path / "network.onnx"

    @property
    def images(self) -> Path:
        """The input, an array in an .npy file, (N, 3, size, size) of float32."""
        return self.path / "images.npy"

    @property
    def expected(self) -> Path:
        """What the float64 oracle makes of the first images, an .npy file, (batch, classes)."""
        return self.path / "expected.npy"
