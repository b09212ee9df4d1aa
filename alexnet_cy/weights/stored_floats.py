"""Read floating-point numbers from a file into float32, whatever their width there."""

from __future__ import annotations

import zlib
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from alexnet_cy.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from alexnet_cy.weights.files import WeightsFile

__all__ = ["FLOAT_BYTES", "Fill", "fill_floats", "fill_rows", "fill_view", "read_floats"]

FLOAT_BYTES = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}
"""The floating-point formats that are read, with the bytes of one number."""

# bfloat16, which NumPy lacks, is read as the 16-bit integers that its bits are.
_STORED_TYPES: dict[str, np.dtype[Any]] = {
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}

# What is not read straight into the result goes through a buffer that stays in the cache.
_PART_BYTES = 1 << 18

Fill: TypeAlias = "Callable[[memoryview], None]"
"""Fills a buffer with the next bytes of an array."""


def read_floats(
    file: WeightsFile,
    offset_bytes: int,
    dtype: str,
    shape: tuple[int, ...],
    crc32: int | None = None,
) -> NDArray[np.float32]:
    """Read little-endian numbers that lie one after the other.

    Parameters
    ----------
    file : WeightsFile
        Where they are.
    offset_bytes : int
        Position of the first one; it need not be aligned.
    dtype : str
        A key of `FLOAT_BYTES`.
    shape : tuple of int
        Shape of the result.
    crc32 : int, optional
        Checksum that the bytes must have.

    Returns
    -------
    float32 array of `shape`
        float16 and bfloat16 exactly; float64 rounded to the nearest, to infinity beyond the range
        of float32.

    Raises
    ------
    WeightsError
        `dtype` is no floating-point format, the numbers do not lie within the file, or their
        checksum differs.
    """
    _check_range(file, offset_bytes, dtype, prod(shape))
    result = np.empty(shape, np.float32)
    fill_floats(file, offset_bytes, dtype, result, crc32)
    return result


def fill_floats(
    file: WeightsFile,
    offset_bytes: int,
    dtype: str,
    view: NDArray[np.float32],
    crc32: int | None = None,
) -> None:
    """Read little-endian numbers into an array whose axes may be in another order in memory.

    Parameters
    ----------
    file, offset_bytes, dtype, crc32
        As in `read_floats`.
    view : float32 array
        Filled in the order of its indices; a transposed view of an array takes a transposed one.

    Raises
    ------
    WeightsError
        As in `read_floats`.
    """
    _check_range(file, offset_bytes, dtype, view.size)
    source = _Source(file, offset_bytes, is_checked=crc32 is not None)
    fill_view(view, _STORED_TYPES[dtype], source)
    if crc32 is not None and source.checksum != crc32:
        raise WeightsError(f"{file.path!r}: corrupt: the checksum at offset {offset_bytes} differs")


def fill_rows(
    file: WeightsFile,
    offset_bytes: int,
    dtype: str,
    first: int,
    rows: NDArray[np.float32],
    *,
    checksum: bool = False,
) -> int:
    """Read some rows of an array of little-endian numbers that lie one after the other.

    Parameters
    ----------
    file, offset_bytes, dtype
        As in `read_floats`, for the whole array.
    first : int
        The first row to read.
    rows : float32 array, C-contiguous
        Filled; its other axes are those of the whole array.
    checksum : bool
        Whether to compute the CRC-32 of their bytes.

    Returns
    -------
    int
        The CRC-32, or 0.

    Raises
    ------
    WeightsError
        As in `read_floats`.
    """
    row_bytes = prod(rows.shape[1:]) * FLOAT_BYTES[dtype]
    _check_range(file, offset_bytes + first * row_bytes, dtype, rows.size)
    source = _Source(file, offset_bytes + first * row_bytes, is_checked=checksum)
    fill_view(rows, _STORED_TYPES[dtype], source)
    return source.checksum


def fill_view(view: NDArray[np.float32], stored_type: np.dtype[Any], fill: Fill) -> None:
    """Fill an array, whose axes may be in another order in memory, from a source of bytes.

    Parameters
    ----------
    view : float32 array
        Filled in the order of its indices.
    stored_type : numpy.dtype
        float16, 32 or 64 of either byte order; uint16 stands for bfloat16.
    fill : callable
        Called with one buffer after the other, it fills them with the bytes of the numbers.
    """
    if view.flags.c_contiguous and stored_type == view.dtype:
        fill(view.reshape(-1).view(np.uint8).data)
        return
    for part in _parts(np.atleast_1d(view), stored_type.itemsize):
        stored = np.empty(part.shape, stored_type)
        fill(stored.reshape(-1).view(np.uint8).data)
        part[...] = _decode(stored)


class _Source:
    """Hands out the bytes of a file from an offset on."""

    def __init__(self, file: WeightsFile, offset_bytes: int, *, is_checked: bool) -> None:
        self._file = file
        self._offset_bytes = offset_bytes
        self._is_checked = is_checked
        self.checksum = 0

    def __call__(self, target: memoryview) -> None:
        self._file.read_into(self._offset_bytes, target)
        self._offset_bytes += target.nbytes
        if self._is_checked:
            self.checksum = zlib.crc32(target, self.checksum)


def _check_range(file: WeightsFile, offset_bytes: int, dtype: str, count: int) -> None:
    if dtype not in FLOAT_BYTES:
        formats = ", ".join(FLOAT_BYTES)
        raise WeightsError(f"{file.path!r}: numbers of type {dtype}; weights are one of {formats}")
    if offset_bytes < 0 or offset_bytes + count * FLOAT_BYTES[dtype] > file.size_bytes:
        raise WeightsError(
            f"{file.path!r}: truncated or corrupt: needs {count} numbers of type {dtype} at offset "
            f"{offset_bytes} of a file of {file.size_bytes} bytes"
        )


def _decode(stored: NDArray[Any]) -> NDArray[np.float32]:
    if stored.dtype.kind == "u":  # bfloat16 is the upper half of a float32
        return (stored.astype(np.uint32) << 16).view(np.float32)
    # float64 beyond float32 becomes infinity, a signalling NaN a quiet one: the loader's business.
    with np.errstate(over="ignore", invalid="ignore"):
        return stored.astype(np.float32, copy=False)


def _parts(view: NDArray[np.float32], item_bytes: int) -> Iterator[NDArray[np.float32]]:
    """Cut an array along its first axes into parts of at most `_PART_BYTES` in the file."""
    if not view.size:
        return
    row_bytes = view.size // len(view) * item_bytes
    if row_bytes > _PART_BYTES:
        for row in view:
            yield from _parts(row, item_bytes)
        return
    rows = max(1, _PART_BYTES // row_bytes)
    for first in range(0, len(view), rows):
        yield view[first : first + rows]
