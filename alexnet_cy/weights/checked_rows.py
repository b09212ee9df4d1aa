"""The rows of a tensor that has one checksum for all of them."""

from __future__ import annotations

from functools import partial
from math import prod
from threading import Lock
from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.crc32 import join_crc32
from alexnet_cy.weights.stored_floats import FLOAT_BYTES, fill_rows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from alexnet_cy.weights.files import WeightsFile

__all__ = ["CheckedRows"]


class CheckedRows:
    """Reads rows, as `TensorRef.read_rows`, and checks them once all have been read.

    Rows may be read in any order, and by several threads; those that complete the tensor raise the
    error, so whoever uses all of the rows hears of it. After that the file is known to be whole.

    Parameters
    ----------
    file : WeightsFile
    offset_bytes : int
        Where the first row begins.
    dtype : str
        Key of `stored_floats.FLOAT_BYTES`.
    shape : tuple of int
    crc32 : int
        Checksum that the bytes of all rows must have.
    """

    def __init__(
        self, file: WeightsFile, offset_bytes: int, dtype: str, shape: tuple[int, ...], crc32: int
    ) -> None:
        self._fill = partial(fill_rows, file, offset_bytes, dtype)
        self._row_bytes = prod(shape[1:]) * FLOAT_BYTES[dtype]
        self._n_rows = shape[0]
        self._crc32 = crc32
        self._message = f"{file.path!r}: corrupt: the checksum at offset {offset_bytes} differs"
        self._parts: dict[int, tuple[int, int]] = {}  # by the first row: the row behind, the CRC-32
        self._passed = False
        self._lock = Lock()

    def __call__(self, first: int, rows: NDArray[np.float32]) -> None:
        """Fill `rows` with those from `first` on.

        Raises
        ------
        WeightsError
            The file cannot be read, or all rows have now been read and their checksum differs.
        """
        crc32 = self._fill(first, rows, checksum=not self._passed)
        if self._passed:
            return
        with self._lock:
            self._parts[first] = first + len(rows), crc32
            whole = self._join()
            if whole is None:
                return
            self._parts.clear()
            if whole != self._crc32:
                raise WeightsError(self._message)
            self._passed = True

    def _join(self) -> int | None:
        """Return the CRC-32 of all rows, None as long as some are missing."""
        if sum(end - first for first, (end, _) in self._parts.items()) < self._n_rows:
            return None
        end = crc32 = 0
        while end < self._n_rows:
            part = self._parts.get(end)
            if part is None:
                return None
            begin, (end, of_part) = end, part
            crc32 = join_crc32(crc32, of_part, (end - begin) * self._row_bytes)
        return crc32
