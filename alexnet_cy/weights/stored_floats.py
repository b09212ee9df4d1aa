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

__all__ = ["FLOAT_BYTES", "read_floats"]

FLOAT_BYTES = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}
"""The floating-point formats that are read, with the bytes of one number."""

_CHUNK_ELEMENTS = 1 << 18  # 2 MiB of float64 beside the result


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
    if dtype not in FLOAT_BYTES:
        formats = ", ".join(FLOAT_BYTES)
        raise WeightsError(f"{file.path!r}: numbers of type {dtype}; weights are one of {formats}")
    count = prod(shape)
    if offset_bytes < 0 or offset_bytes + count * FLOAT_BYTES[dtype] > file.size_bytes:
        raise WeightsError(
            f"{file.path!r}: truncated or corrupt: needs {count} numbers of type {dtype} at offset "
            f"{offset_bytes} of a file of {file.size_bytes} bytes"
        )
    if dtype == "F32":
        stored = np.empty(count, "<f4")
        file.read_into(offset_bytes, stored.data)
        checksum = 0 if crc32 is None else zlib.crc32(stored.data)
        result = stored.astype(np.float32, copy=False)  # a copy on big-endian machines only
    else:
        result = np.empty(count, np.float32)
        checksum = _convert(file, offset_bytes, dtype, result)
    if crc32 is not None and checksum != crc32:
        raise WeightsError(f"{file.path!r}: corrupt: the checksum at offset {offset_bytes} differs")
    return result.reshape(shape)


def _convert(file: WeightsFile, offset_bytes: int, dtype: str, result: NDArray[np.float32]) -> int:
    """Fill `result` in pieces and return the checksum of what was read."""
    item_bytes = FLOAT_BYTES[dtype]
    checksum = 0
    for first in range(0, len(result), _CHUNK_ELEMENTS):
        part = result[first : first + _CHUNK_ELEMENTS]
        data = file.read_bytes(offset_bytes + first * item_bytes, len(part) * item_bytes)
        checksum = zlib.crc32(data, checksum)
        if dtype == "BF16":  # the upper half of a float32
            part.view(np.uint32)[:] = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        else:
            with np.errstate(over="ignore"):
                part[:] = np.frombuffer(data, f"<f{item_bytes}")
    return checksum
