"""Read floating-point numbers from a file into float32, whatever their width there."""

from __future__ import annotations

import zlib
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from ..errors import WeightsError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .files import WeightsFile

__all__ = ["FLOAT_BYTES", "fill_floats", "read_floats"]

FLOAT_BYTES = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}
"""The floating-point formats that are read, with the bytes of one number."""

_PART_BYTES = 1 << 20  # what is not read straight into the result goes through a buffer


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
    if dtype == "F32" and view.flags.c_contiguous and view.dtype == np.dtype("<f4"):
        flat = view.reshape(-1)
        file.read_into(offset_bytes, flat.data)
        checksum = 0 if crc32 is None else zlib.crc32(flat.data)
    else:
        checksum = _fill_by_parts(file, offset_bytes, dtype, np.atleast_1d(view))
    if crc32 is not None and checksum != crc32:
        raise WeightsError(f"{file.path!r}: corrupt: the checksum at offset {offset_bytes} differs")


def _check_range(file: WeightsFile, offset_bytes: int, dtype: str, count: int) -> None:
    if dtype not in FLOAT_BYTES:
        formats = ", ".join(FLOAT_BYTES)
        raise WeightsError(f"{file.path!r}: numbers of type {dtype}; weights are one of {formats}")
    if offset_bytes < 0 or offset_bytes + count * FLOAT_BYTES[dtype] > file.size_bytes:
        raise WeightsError(
            f"{file.path!r}: truncated or corrupt: needs {count} numbers of type {dtype} at offset "
            f"{offset_bytes} of a file of {file.size_bytes} bytes"
        )


def _fill_by_parts(
    file: WeightsFile, offset_bytes: int, dtype: str, view: NDArray[np.float32]
) -> int:
    """Fill `view` some rows at a time and return the checksum of the bytes."""
    row_bytes = prod(view.shape[1:]) * FLOAT_BYTES[dtype]
    rows = max(1, _PART_BYTES // max(1, row_bytes))
    checksum = 0
    for first in range(0, len(view), rows):
        part = view[first : first + rows]
        data = file.read_bytes(offset_bytes + first * row_bytes, len(part) * row_bytes)
        checksum = zlib.crc32(data, checksum)
        part[...] = _decode(data, dtype).reshape(part.shape)
    return checksum


def _decode(data: bytes, dtype: str) -> NDArray[np.float32]:
    if dtype == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    # float64 beyond float32 becomes infinity, a signalling NaN a quiet one: the loader's business.
    with np.errstate(over="ignore", invalid="ignore"):
        return np.frombuffer(data, f"<f{FLOAT_BYTES[dtype]}").astype(np.float32)
