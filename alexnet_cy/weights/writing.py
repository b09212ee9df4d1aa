"""What the writers of weight files have in common."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["VARIANT_KEY", "checked_tensors", "file_metadata"]

VARIANT_KEY = "alexnet_cy.variant"
"""The piece of metadata that names the variant."""


def checked_tensors(tensors: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """Return the tensors C-contiguous and little-endian; copies only of those that are not.

    Raises
    ------
    TypeError
        A tensor is no float32 array.
    """
    checked = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, np.ndarray) or tensor.dtype != np.float32:
            got = getattr(tensor, "dtype", type(tensor).__name__)
            raise TypeError(f"tensors[{name!r}] must be a float32 array, got {got}")
        checked[name] = np.ascontiguousarray(tensor, dtype="<f4")
    return checked


def file_metadata(variant_name: str, metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Return the metadata to write, the variant among it.

    Raises
    ------
    TypeError
        A key or a value is no str.
    """
    noted = {**(metadata or {}), VARIANT_KEY: variant_name}
    for key, value in noted.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"metadata must map str to str, got {key!r}: {value!r}")
    return noted
