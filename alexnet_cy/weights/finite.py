"""The check for NaN and infinity that every tensor passes when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.errors import WeightsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_finite"]

# numpy.isfinite makes a boolean array. One of 64 KiB comes from the heap; for 128 KiB and more the
# C library asks the system for new memory every time, and the check takes twice as long.
_PIECE_ELEMENTS = 1 << 16


def check_finite(name: str, tensor: NDArray[np.float32], first_row: int = 0) -> None:
    """Refuse a tensor that holds NaN or infinity.

    Parameters
    ----------
    name : str
        What the error calls the tensor.
    tensor : float32 array
        C-contiguous.
    first_row : int
        What the error adds to the first index: `tensor` may be the rows of another from there on.

    Raises
    ------
    WeightsError
        A value is not finite; the message gives the first one's index.
    """
    flat = tensor.reshape(-1)
    for start in range(0, flat.size, _PIECE_ELEMENTS):
        finite = np.isfinite(flat[start : start + _PIECE_ELEMENTS])
        if not finite.all():
            first = start + int(np.argmin(finite))
            index = [int(i) for i in np.unravel_index(first, tensor.shape)]
            index[0] += first_row
            raise WeightsError(
                f"{name}: the value at {index} is {flat[first]}; weights must be finite "
                "(allow_nonfinite=True loads them all the same)"
            )
