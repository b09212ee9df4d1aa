"""A .npy file that grows along its first axis and can be read at every moment."""

from __future__ import annotations

import os
import struct
from math import prod

import numpy as np

from alexnet_cy.extraction.form import Rows

__all__ = ["HEADER_BYTES", "GrowingRows", "npy_header"]

HEADER_BYTES = 256
"""Length of the header: room for any number of rows, so that it can be written again."""


def npy_header(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> bytes:
    """Return a header of format 1.0 (numpy.lib.format), filled up with spaces to HEADER_BYTES."""
    start = b"\x93NUMPY\x01\x00" + struct.pack("<H", HEADER_BYTES - 10)
    text = repr({"descr": dtype.str, "fortran_order": False, "shape": shape}).encode()
    return start + text.ljust(HEADER_BYTES - len(start) - 1) + b"\n"


class GrowingRows:
    """Rows of one layer on disk.

    Rows go to the end of the file first and are counted in its header later, by `commit`. What
    lies behind the rows that the header counts is not read by anybody: the file is valid, and
    memory-mappable, whenever the process is killed.

    Parameters
    ----------
    path : str
    row_shape : tuple of int
    dtype : str
        "float32" or "float16"; little-endian on disk.
    n_rows : int
        Rows of the file that count; the rest is cut off. None for a file that is made anew.

    Raises
    ------
    OSError
        The file cannot be opened, or has fewer rows than `n_rows`.
    """

    def __init__(
        self, path: str, row_shape: tuple[int, ...], dtype: str, n_rows: int | None = None
    ) -> None:
        self.path, self.row_shape = path, row_shape
        self.dtype = np.dtype(dtype).newbyteorder("<")
        self.n_rows = n_rows or 0
        flags = os.O_RDWR | (os.O_CREAT | os.O_TRUNC if n_rows is None else 0)
        self._descriptor = os.open(path, flags, 0o666)
        end = HEADER_BYTES + self.n_rows * self.row_bytes
        if n_rows is not None and os.fstat(self._descriptor).st_size < end:
            os.close(self._descriptor)
            raise OSError(f"{path}: has fewer rows than its journal says; delete the folder")
        os.ftruncate(self._descriptor, end)
        self.commit()

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return prod(self.row_shape) * int(self.dtype.itemsize)

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, ...)."""
        return (self.n_rows, *self.row_shape)

    def append(self, rows: Rows) -> None:
        """Write rows (N, *row_shape) behind the others."""
        data = np.ascontiguousarray(rows, self.dtype)
        if data.shape[1:] != self.row_shape:
            raise ValueError(f"{self.path}: need rows of {self.row_shape}, got {data.shape[1:]}")
        self._write(
            data.reshape(-1).view(np.uint8).data, HEADER_BYTES + self.n_rows * self.row_bytes
        )
        self.n_rows += len(data)

    def sync(self) -> None:
        """Wait until the rows are on the disk itself, and would survive a power failure."""
        os.fsync(self._descriptor)

    def commit(self) -> None:
        """Count all rows in the header."""
        self._write(memoryview(npy_header(self.shape, self.dtype)), 0)

    def close(self) -> None:
        """Close the file, rows that are not counted included."""
        os.close(self._descriptor)

    def _write(self, data: memoryview, offset: int) -> None:
        try:
            while data:
                written = os.pwrite(self._descriptor, data, offset)
                data, offset = data[written:], offset + written
        except OSError as error:
            raise OSError(error.errno, error.strerror, self.path) from error
