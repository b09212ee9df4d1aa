"""What comes out of a comparison."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.records import record

__all__ = ["Comparison", "PairResult"]


@record(frozen=True, slots=True)
class Comparison:
    """How different two images look, or the images of several pairs.

    Attributes
    ----------
    distance : float, or ndarray of float64, shape (N,)
        LPIPS: 0 for equal images, around 0.7 for very different ones.
    layers : ndarray of float64, shape (5,) or (N, 5)
        The parts of conv1 to conv5; `distance` is their sum.
    map : ndarray of float32, shape (H, W) or (N, H, W), or None
        Where they differ, if it was asked for: the sum of the layers' maps, enlarged to the size
        of the image.
    """

    distance: float | NDArray[np.float64]
    layers: NDArray[np.float64]
    map: Float32Array | None = None


@record(frozen=True, slots=True)
class PairResult:
    """One pair of many.

    Attributes
    ----------
    a, b : int
        Positions of the two images in what was given, from 0.
    comparison : Comparison or None
        None if the pair could not be compared.
    error : str
        Why not: an image cannot be read, or their sizes differ; empty otherwise.
    """

    a: int
    b: int
    comparison: Comparison | None
    error: str = ""
