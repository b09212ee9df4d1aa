"""Arrays that pass between rooms: their type, how others become them, whether they are finite."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Float32Array", "as_array", "first_nonfinite"]

Float32Array: TypeAlias = NDArray[np.float32]

# numpy.isfinite makes a boolean array. One of 64 KiB comes from the heap; for 128 KiB and more the
# C library asks the system for new memory every time, and the check takes twice as long.
_PIECE_ELEMENTS = 1 << 16


def as_array(value: ArrayLike, name: str) -> NDArray[Any]:
    """Return what NumPy makes of a value; a subclass of ndarray stays one.

    Parameters
    ----------
    value : array_like
    name : str
        Its name in error messages.

    Raises
    ------
    ValueError
        The rows of nested lists are not of one length.
    TypeError
        The value's own conversion fails, whatever it raises.
    """
    try:
        return np.asanyarray(value)
    except MemoryError:
        raise
    except Exception as error:
        if isinstance(error, ValueError) and isinstance(value, (list, tuple)):
            raise ValueError(f"{name}: need an array of numbers: {error}") from error
        raise TypeError(
            f"{name}: need an array of numbers, got {type(value).__name__}, which makes none of "
            f"itself: {error}"
        ) from error


def first_nonfinite(array: Float32Array) -> list[int] | None:
    """Find the first value that is NaN or infinite.

    Parameters
    ----------
    array : float32 array, C-contiguous

    Returns
    -------
    list of int, or None
        Its index; None if every value is finite.
    """
    flat = array.reshape(-1)
    for start in range(0, flat.size, _PIECE_ELEMENTS):
        finite = np.isfinite(flat[start : start + _PIECE_ELEMENTS])
        if not finite.all():
            place = start + int(np.argmin(finite))
            return [int(i) for i in np.unravel_index(place, array.shape)]
    return None
