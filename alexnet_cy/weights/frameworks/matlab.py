"""MATLAB's files of version 5 to 7: their variables, with the places of the numbers.

A variable is an element: a tag, the type and the number of bytes, and then these, which for a
matrix are elements again (MAT-File Format, MathWorks):

    flags           uint32 x 2: the class, with flags above it
    axes            int32 x axes
    name            int8
    numbers         of the class, or stored as a smaller type where all of them fit it
    texts           uint8, uint16 or a form of Unicode
    cells           an element each
    structs         the length of a field's name, the names, then an element for each field

MATLAB compresses each variable with zlib (-v7); scipy does not, unless told to. Numbers are in the
order of Fortran. A file of version 7.3 is HDF5 behind the header.
"""

from __future__ import annotations

import struct
import zlib
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from alexnet_cy.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from alexnet_cy.weights.files import WeightsFile

__all__ = ["Numbers", "Value", "read_variables"]

MAX_VALUES = 20_000
MAX_DEPTH = 8
MAX_AXES = 8
MAX_TEXT_BYTES = 4096
MAX_NAMES_BYTES = 1 << 16
MAX_SMALL_BYTES = 4 << 20
MAX_EXPANDED_BYTES = 320 << 20
"""What the compressed variables of a file may become; the 61 million numbers of AlexNet in float32
are 244 MB."""

_HEADER_BYTES = 128
_VERSION_OFFSET = 124
_VERSION_5 = 0x0100
_FIRST_EXPANDED_BYTES = 1024  # flags, axes and name

_MATRIX, _COMPRESSED = 14, 15
_TYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("i1"),
    2: np.dtype("u1"),
    3: np.dtype("<i2"),
    4: np.dtype("<u2"),
    5: np.dtype("<i4"),
    6: np.dtype("<u4"),
    7: np.dtype("<f4"),
    9: np.dtype("<f8"),
    12: np.dtype("<i8"),
    13: np.dtype("<u8"),
}
_ENCODINGS = {1: "latin-1", 2: "latin-1", 4: "utf-16-le", 16: "utf-8", 17: "utf-16-le"}
_CELL, _STRUCT, _TEXT = 1, 2, 4
_NUMBERS = range(6, 16)  # float64, float32, and the whole numbers
_COMPLEX = 0x08


class Numbers(NamedTuple):
    """An array of numbers that has not been read.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
        Of the numbers in the file.
    file : WeightsFile or None
        Where the numbers are; None if they were compressed.
    offset_bytes : int
        Their place in the file, or in the variable.
    read_bytes : callable
        Takes offset and count, and returns bytes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    file: WeightsFile | None
    offset_bytes: int
    read_bytes: Callable[[int, int], bytes | memoryview]

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Bytes of the numbers in the file."""
        return self.size * self.dtype.itemsize

    def check_small(self) -> None:
        """Refuse more numbers than a setting or a mean image has; ValueError."""
        if self.size_bytes > MAX_SMALL_BYTES:
            raise ValueError(f"{self.size_bytes} bytes; at most {MAX_SMALL_BYTES} are read")

    def flat(self) -> NDArray[Any]:
        """Read the numbers in the order of the file, the first index fastest."""
        return np.frombuffer(self.read_bytes(self.offset_bytes, self.size_bytes), self.dtype)


Value: TypeAlias = "dict[str, Value] | list[Value] | str | Numbers | None"
"""A struct, cells or an array of structs, a text, numbers; None for what no network has."""


def read_variables(file: WeightsFile, wanted: Collection[str]) -> dict[str, Value]:
    """Return the variables of some names, and None for each other one.

    Raises
    ------
    WeightsError
        The file is cut off or garbled, is of another version, or has too much in it.
    """
    header = file.head(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or header[126:128] != b"IM":
        raise WeightsError(f"{file.path!r}: no MATLAB file of a little-endian machine")
    if struct.unpack_from("<H", header, _VERSION_OFFSET) != (_VERSION_5,):
        raise WeightsError(
            f"{file.path!r}: a MATLAB file of version 7.3; save it again in MATLAB with "
            "save(file, '-struct', 'net', '-v7')"
        )
    found: dict[str, Value] = {}
    position, expanded_bytes = _HEADER_BYTES, 0
    counter = _Counter(file.path)
    while position < file.size_bytes:
        kind, size = struct.unpack("<II", file.read_bytes(position, 8))
        position += 8
        if kind == _COMPRESSED:
            limit = MAX_EXPANDED_BYTES - expanded_bytes
            plain, is_whole = _expand(file, position, size, wanted, limit)
            expanded_bytes += len(plain)
            end = len(plain) if is_whole else None
            where = _Elements(file.path, None, _of_memory(file.path, plain), 0, end, counter)
        else:
            start = position - 8
            where = _Elements(file.path, file, file.read_bytes, start, position + size, counter)
        name, value = where.variable(wanted)
        if name in found:
            raise WeightsError(f"{file.path!r}: two variables have the same name")
        found[name] = value
        position += size
    return found


def _expand(
    file: WeightsFile, position: int, size: int, wanted: Collection[str], limit: int
) -> tuple[bytes, bool]:
    """Expand a compressed variable, or the beginning of one that is not wanted."""
    data = file.read_bytes(position, size)
    try:
        expander = zlib.decompressobj()
        first = expander.decompress(data, _FIRST_EXPANDED_BYTES)
        beginning = _of_memory(file.path, first)
        counter = _Counter(file.path)
        name, _ = _Elements(file.path, None, beginning, 0, None, counter).variable(())
        if name not in wanted:
            return first, False
        total = 8 + int.from_bytes(first[4:8], "little")
        if total > limit:
            raise WeightsError(
                f"{file.path!r}: compressed variables of more than {MAX_EXPANDED_BYTES} bytes"
            )
        rest = b""
        if total > len(first):
            rest = expander.decompress(expander.unconsumed_tail, total - len(first))
        # What follows the numbers is looked at for the checksum that ends the stream.
        expander.decompress(expander.unconsumed_tail, _FIRST_EXPANDED_BYTES)
    except zlib.error as error:
        raise WeightsError(f"{file.path!r}: a compressed variable is corrupt: {error}") from error
    if len(first) + len(rest) < total:
        raise WeightsError(f"{file.path!r}: a compressed variable is cut off")
    return (first + rest if rest else first), True


def _of_memory(path: str, data: bytes | memoryview) -> Callable[[int, int], memoryview]:
    view = memoryview(data)

    def read_bytes(offset: int, count: int) -> memoryview:
        if offset < 0 or count < 0 or offset + count > len(view):
            raise WeightsError(f"{path!r}: a compressed variable is cut off or corrupt")
        return view[offset : offset + count]

    return read_bytes


class _Counter:
    """Counts the values of a file, whatever they are in."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._count = 0

    def add(self) -> None:
        """Count one more; WeightsError if that is too many."""
        self._count += 1
        if self._count > MAX_VALUES:
            raise WeightsError(f"{self._path!r}: more than {MAX_VALUES} values")


class _Elements:
    """Steps through elements, up to an end; None if that is not known."""

    def __init__(
        self,
        path: str,
        file: WeightsFile | None,
        read_bytes: Callable[[int, int], bytes | memoryview],
        position: int,
        end: int | None,
        counter: _Counter,
    ) -> None:
        self._path = path
        self._file = file
        self._read_bytes = read_bytes
        self._position = position
        self._end = end
        self._counter = counter

    def variable(self, wanted: Collection[str]) -> tuple[str, Value]:
        """Return the name of the variable, and what it is if it is wanted."""
        kind, size, _ = self._tag()
        if kind != _MATRIX or not size:
            raise self._error(f"an element of type {kind} where a variable should be")
        return self._matrix(0, wanted)

    def _tag(self) -> tuple[int, int, int]:
        """Return type, size and place of the next element, and step to its content."""
        kind, size = struct.unpack("<II", self._read_bytes(self._position, 8))
        if kind >> 16:  # type, size and up to four bytes in one
            kind, size, start = kind & 0xFFFF, kind >> 16, self._position + 4
            if size > 4:
                raise self._error(f"a small element of {size} bytes")
        else:
            start = self._position + 8
            if self._end is not None and start + size > self._end:
                raise self._error(f"an element of {size} bytes, which is more than there are")
        self._position += 8
        return kind, size, start

    def _content(self, limit: int) -> tuple[int, bytes]:
        """Return the type and the bytes of an element, and step behind it."""
        kind, size, start = self._tag()
        if size > limit:
            raise self._error(f"an element of {size} bytes where at most {limit} should be")
        data = bytes(self._read_bytes(start, size))
        self._skip(start, size)
        return kind, data

    def _skip(self, start: int, size: int) -> None:
        if start == self._position:
            self._position += (size + 7) // 8 * 8

    def _value(self, depth: int) -> Value:
        """Return what the next element is, which belongs to another."""
        kind, size, start = self._tag()
        self._counter.add()
        if kind != _MATRIX:
            raise self._error(f"an element of type {kind} where a matrix should be")
        if depth > MAX_DEPTH:
            raise self._error(f"cells and structs nested more than {MAX_DEPTH} deep")
        if not size:
            return None
        value = self._matrix(depth, None)[1]
        self._position = start + size
        return value

    def _matrix(self, depth: int, wanted: Collection[str] | None) -> tuple[str, Value]:
        flags, axes = self._content(8)[1], self._content(4 * MAX_AXES)[1]
        if len(flags) != 8 or len(axes) % 4 or len(axes) < 8:
            raise self._error("a matrix without class or axes")
        shape = tuple(np.frombuffer(axes, "<i4").tolist())
        name = self._content(MAX_TEXT_BYTES)[1].decode("latin-1")
        if (wanted is not None and name not in wanted) or min(shape) < 0:
            return name, None
        kind = flags[0]
        if kind == _TEXT:
            return name, self._text()
        if kind in _NUMBERS and not flags[1] & _COMPLEX:
            return name, self._numbers(shape)
        if kind in (_CELL, _STRUCT) and prod(shape) > MAX_VALUES:
            raise self._error(f"{prod(shape)} cells or structs")
        if kind == _CELL:
            return name, [self._value(depth + 1) for _ in range(prod(shape))]
        return name, self._structs(depth, prod(shape)) if kind == _STRUCT else None

    def _structs(self, depth: int, count: int) -> Value:
        length = int.from_bytes(self._content(4)[1], "little")
        data = self._content(MAX_NAMES_BYTES)[1]
        if length < 1 or len(data) % length:
            raise self._error("a struct whose fields have no names")
        fields = [
            data[first : first + length].partition(b"\0")[0].decode("latin-1")
            for first in range(0, len(data), length)
        ]
        found: list[Value] = []
        for _ in range(count):
            self._counter.add()
            found.append({field: self._value(depth + 1) for field in fields})
        return found[0] if count == 1 else found

    def _text(self) -> str:
        kind, data = self._content(MAX_TEXT_BYTES)
        return data.decode(_ENCODINGS.get(kind, "latin-1"), errors="replace")

    def _numbers(self, shape: tuple[int, ...]) -> Numbers | None:
        kind, size, start = self._tag()
        dtype = _TYPES.get(kind)
        if dtype is None or prod(shape) * dtype.itemsize != size:
            raise self._error(f"{size} bytes of type {kind} for numbers of shape {shape}")
        self._read_bytes(start + size, 0)  # the numbers lie within the file
        self._skip(start, size)
        return Numbers(shape, dtype, self._file, start, self._read_bytes)

    def _error(self, what: str) -> WeightsError:
        return WeightsError(f"{self._path!r}: corrupt at byte {self._position}: {what}")
