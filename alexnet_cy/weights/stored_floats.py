"""Read floating-point numbers from a file into float32, whatever their width there."""

from __future__ import annotations

import zlib
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays.checked_rows import RowsChecksum
from alexnet_cy.weights.layouts import as_stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from alexnet_cy.weights.files import WeightsFile
    from alexnet_cy.weights.layouts import Layout

__all__ = [
    "FLOAT_BYTES",
    "STORED_TYPES",
    "BlockTensor",
    "FileSource",
    "Fill",
    "MemorySource",
    "fill_floats",
    "fill_view",
    "read_floats",
]

FLOAT_BYTES = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}
"""The floating-point formats that are read, with the bytes of one number."""

STORED_TYPES: dict[str, np.dtype[Any]] = {
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
"""As what they are read: bfloat16, which NumPy lacks, as the 16-bit integers that its bits are."""

# What is not read straight into the result goes through a buffer that stays in the cache.
_PART_BYTES = 1 << 18

Fill: TypeAlias = "Callable[[memoryview], None]"
"""Fills a buffer with the next bytes of an array."""


class BlockTensor(TensorRef):
    """A tensor whose numbers, little-endian, lie one after the other in a file.

    Where the file has the canonical order of axes, the tensor is read by rows.

    Parameters
    ----------
    file : WeightsFile
        Where they are.
    offset_bytes : int
        Position of the first one; it need not be aligned.
    dtype : str
        A key of `FLOAT_BYTES`.
    shape : tuple of int
        Canonical shape.
    crc32 : int, optional
        Checksum that the bytes must have. For rows it is compared once all have been read.
    layout : Layout
        From the canonical array to a view of it in the file's order.
    """

    __slots__ = ("_checksum", "_crc32", "_file", "_layout", "_offset_bytes")

    def __init__(
        self,
        file: WeightsFile,
        offset_bytes: int,
        dtype: str,
        shape: tuple[int, ...],
        crc32: int | None = None,
        layout: Layout = as_stored,
    ) -> None:
        super().__init__(shape, dtype, prod(shape) * FLOAT_BYTES[dtype])
        self._file = file
        self._offset_bytes = offset_bytes
        self._crc32 = crc32
        self._layout = layout
        self._checksum = None
        if crc32 is not None and self.reads_rows:
            self._checksum = RowsChecksum(shape[0], self.stored_bytes // shape[0], crc32)

    def read(self) -> NDArray[np.float32]:
        """Read the numbers into a new array; see `read_floats`."""
        return read_floats(
            self._file, self._offset_bytes, self.dtype, self.shape, self._crc32, self._layout
        )

    @property
    def reads_rows(self) -> bool:
        """Whether the file has the canonical order."""
        return self._layout is as_stored and self.shape != () and 0 not in self.shape

    def read_rows(self, first: int, out: NDArray[np.float32]) -> None:
        """Read rows; those that complete the tensor raise the error of the checksum."""
        offset_bytes = self._offset_bytes + first * (self.stored_bytes // self.shape[0])
        checksum = self._checksum
        if checksum is None or checksum.is_known:
            fill_floats(self._file, offset_bytes, self.dtype, out)
            return
        crc32 = fill_floats(self._file, offset_bytes, self.dtype, out, is_checked=True)
        if not checksum.add(first, len(out), crc32):
            raise _checksum_error(self._file, self._offset_bytes)


def read_floats(
    file: WeightsFile,
    offset_bytes: int,
    dtype: str,
    shape: tuple[int, ...],
    crc32: int | None = None,
    layout: Layout = as_stored,
) -> NDArray[np.float32]:
    """Read little-endian numbers that lie one after the other.

    Parameters
    ----------
    file, offset_bytes, dtype, shape, crc32, layout
        As of `BlockTensor`.

    Returns
    -------
    float32 array of `shape`
        float16 and bfloat16 exactly; float64 rounded to the nearest, to infinity beyond the range
        of float32.

    Raises
    ------
    WeightsError
        `dtype` is not a floating-point format, the numbers do not lie within the file, or their
        checksum differs.
    """
    _check_range(file, offset_bytes, dtype, prod(shape))
    result = np.empty(shape, np.float32)
    found = fill_floats(file, offset_bytes, dtype, layout(result), is_checked=crc32 is not None)
    if crc32 is not None and found != crc32:
        raise _checksum_error(file, offset_bytes)
    return result


def fill_floats(
    file: WeightsFile,
    offset_bytes: int,
    dtype: str,
    view: NDArray[np.float32],
    *,
    is_checked: bool = False,
) -> int:
    """Read little-endian numbers into an array whose axes may be in another order in memory.

    Parameters
    ----------
    file, offset_bytes, dtype
        As of `BlockTensor`.
    view : float32 array
        Filled in the order of its indices; a transposed view of an array takes a transposed one.
    is_checked : bool
        Whether to compute the checksum of the bytes.

    Returns
    -------
    int
        Their CRC-32, or 0.

    Raises
    ------
    WeightsError
        As in `read_floats`, but for the checksum.
    """
    _check_range(file, offset_bytes, dtype, view.size)
    source = FileSource(file, offset_bytes, is_checked=is_checked)
    fill_view(view, STORED_TYPES[dtype], source)
    return source.crc32


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


class FileSource:
    """Hands out the bytes of a file from an offset on, buffer after buffer.

    Parameters
    ----------
    file : WeightsFile
    offset_bytes : int
    is_checked : bool
        Whether to compute the checksum of what is read.

    Attributes
    ----------
    crc32 : int
        CRC-32 of what has been read, or 0.
    """

    def __init__(self, file: WeightsFile, offset_bytes: int, *, is_checked: bool) -> None:
        self.crc32 = 0
        self._file = file
        self._offset_bytes = offset_bytes
        self._is_checked = is_checked

    def __call__(self, target: memoryview) -> None:
        """Fill a buffer with the next bytes; `WeightsError` if the file ends before."""
        self._file.read_into(self._offset_bytes, target)
        self._offset_bytes += target.nbytes
        if self._is_checked:
            self.crc32 = zlib.crc32(target, self.crc32)


class MemorySource:
    """Hands out bytes that are known, buffer after buffer.

    Parameters
    ----------
    data : bytes or memoryview
        Of bytes.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self._data = memoryview(data)
        self._position = 0

    def __call__(self, target: memoryview) -> None:
        """Fill a buffer with the next bytes; ValueError if there are not so many."""
        end = self._position + target.nbytes
        target[:] = self._data[self._position : end]
        self._position = end


def _checksum_error(file: WeightsFile, offset_bytes: int) -> WeightsError:
    return WeightsError(f"{file.path!r}: corrupt: the checksum at offset {offset_bytes} differs")


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
