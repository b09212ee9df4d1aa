"""Writes ``.safetensors`` files of half the size: float16 numbers in place of float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.safetensors import save_arrays
from alexnet_cy.weights.writing import checked_tensors, file_metadata

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["write"]


def write(
    path: str | os.PathLike[str],
    variant_name: str,
    tensors: Mapping[str, NDArray[np.float32]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a network with canonical names, as float16.

    Every number is rounded to the nearest float16: to 11 significant bits, or to a multiple of
    2**-24 below 2**-14 (IEEE 754-2019, binary16). NaN and infinity stay what they are. Reading
    the file gives float32 again.

    Parameters
    ----------
    path : path-like
        The file; it is replaced only once the new one is complete.
    variant_name : str
        Noted in the file.
    tensors : mapping of str to float32 array
        By canonical name, in canonical layout.
    metadata : mapping of str to str, optional
        Noted in the file as well.

    Raises
    ------
    TypeError
        A tensor is not float32, or a piece of metadata no str.
    WeightsError
        A finite number is too large for float16, whose largest is 65,504.
    OSError
        The file cannot be written.
    """
    halves = {}
    for name, tensor in checked_tensors(tensors).items():
        with np.errstate(over="ignore", invalid="ignore"):  # a signalling NaN becomes a quiet one
            halves[name] = tensor.astype("<f2")
        too_large = np.isinf(halves[name]) & np.isfinite(tensor)
        if too_large.any():
            largest = float(np.abs(tensor[too_large]).max())
            raise WeightsError(f"{name}: {largest:g} is too large for float16, at most 65504")
    save_arrays(path, halves, file_metadata(variant_name, metadata))
