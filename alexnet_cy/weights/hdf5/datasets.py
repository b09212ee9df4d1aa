"""The arrays of an HDF5 file: shape, type of number, and where the numbers are.

They lie in one piece, in the object itself, or in chunks that may be compressed, each an array of
its own (HDF5 File Format Specification, IV.A.2).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays.stored_arrays import Block, StoredArray, check_element_type
from alexnet_cy.weights.hdf5.objects import UNDEFINED, Archive, Message
from alexnet_cy.weights.stored_floats import FileSource, MemorySource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alexnet_cy.weights.files import WeightsFile
    from alexnet_cy.weights.stored_floats import Fill

__all__ = ["dataset", "texts"]

MAX_TEXTS = 2000

_DATASPACE, _DATATYPE, _EXTERNAL, _LAYOUT, _FILTERS, _ATTRIBUTE = 0x01, 0x03, 0x07, 0x08, 0x0B, 0x0C
_WHOLE, _FLOAT, _ANY_LENGTH = 0, 1, 9
# Bytes of a number, of which so many bits are exponent and fraction: those of IEEE 754.
_IEEE = {2: (5, 10), 4: (8, 23), 8: (11, 52)}
_COMPACT, _CONTIGUOUS, _CHUNKED = 0, 1, 2
_DEFLATE, _SHUFFLE = 1, 2
# What deflate can make of a byte (zlib.net/zlib_tech.html).
_MAX_EXPANSION = 1032


class _Chunk(NamedTuple):
    """Where a chunk begins in the array, and where its bytes are."""

    place: tuple[int, ...]
    address: int
    stored_bytes: int


def dataset(archive: Archive, what: str, messages: list[Message]) -> StoredArray | None:
    """Return what reads an array; None if the object is none, or a single number.

    Parameters
    ----------
    archive : Archive
    what : str
        What errors call the array.
    messages : list of Message
        What the object is.

    Raises
    ------
    WeightsError
        The array is no weight, or its numbers are somewhere else, not there, or in another form.
    """
    bodies = dict(messages)
    if _LAYOUT not in bodies:
        return None
    if not (shape := _shape(bodies[_DATASPACE])):
        return None
    dtype = _dtype(bodies[_DATATYPE]) if _DATATYPE in bodies else None
    if dtype is None:
        raise WeightsError(f"{what}: elements that are no numbers; weights are float16, 32 or 64")
    check_element_type(what, dtype, shape)
    layout = bodies[_LAYOUT]
    version, kind = layout[:2]
    if _EXTERNAL in bodies or (version == 4 and kind == 3):
        raise WeightsError(f"{what}: its numbers are in another file")
    if version not in (3, 4) or (version == 4 and kind == _CHUNKED):
        raise WeightsError(
            f"{what}: its chunks are in a form that is not read; write it again in one piece, or "
            "with h5py.File(path, 'w', libver='earliest')"
        )
    if kind == _CHUNKED:
        return _chunked(archive, what, shape, dtype, layout, bodies.get(_FILTERS, b""))
    if kind == _CONTIGUOUS:
        address, stored_bytes = struct.unpack_from("<QQ", layout, 2)
        stored_bytes = 0 if address == UNDEFINED else stored_bytes
        block = Block(archive.file, address, None)
        opens: Callable[[], Fill] = partial(FileSource, archive.file, address, is_checked=False)
    else:
        data = layout[4 : 4 + struct.unpack_from("<H", layout, 2)[0]]
        stored_bytes, block, opens = len(data), None, partial(MemorySource, data)
    size_bytes = prod(shape) * dtype.itemsize
    if not size_bytes <= stored_bytes <= archive.file.size_bytes:
        raise _missing(what, size_bytes, stored_bytes)
    return StoredArray(shape, dtype, False, stored_bytes, opens, block)


def _missing(what: str, size_bytes: int, stored_bytes: int) -> WeightsError:
    return WeightsError(
        f"{what}: {size_bytes} bytes of numbers, of which {stored_bytes} are in the file"
    )


def _chunked(
    archive: Archive,
    what: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    layout: bytes,
    filters: bytes,
) -> StoredArray:
    """Return what reads an array of chunks; WeightsError if some are missing or too small."""
    rank, tree = struct.unpack_from("<BQ", layout, 2)
    sides = struct.unpack_from(f"<{len(shape)}I", layout, 11)
    if rank != len(shape) + 1 or min(sides) < 1:
        raise ValueError(f"chunks of {sides} of an array of {shape}")
    undo = _filters(what, filters)
    chunks = _chunks(archive, what, tree, shape, sides)
    stored_bytes = sum(chunk.stored_bytes for chunk in chunks)
    chunk_bytes = prod(sides) * dtype.itemsize
    least_bytes = min(chunk.stored_bytes for chunk in chunks)
    if (
        chunk_bytes > least_bytes * (_MAX_EXPANSION if undo else 1)
        or stored_bytes > archive.file.size_bytes
    ):
        raise _missing(what, chunk_bytes * len(chunks), stored_bytes)
    opens = partial(_read_chunks, archive.file, what, shape, dtype, sides, undo, chunks)
    return StoredArray(shape, dtype, False, stored_bytes, opens)


def texts(archive: Archive, messages: list[Message], wanted: str) -> list[str]:
    """Return the texts of an attribute of an object, as Keras notes names; none if it is none."""
    for kind, body in messages:
        if kind != _ATTRIBUTE:
            continue
        version, *sizes = struct.unpack_from("<BxHHH", body)
        position = 9 if version == 3 else 8
        parts = []
        for size in sizes:
            parts.append(body[position : position + size])
            position += (size + 7) // 8 * 8 if version == 1 else size
        name, datatype, space = parts
        of_any_length = datatype[0] & 15 == _ANY_LENGTH
        if name.partition(b"\0")[0].decode() != wanted:
            continue
        (width,) = struct.unpack_from("<I", datatype, 4)
        count = prod(_shape(space) or (1,))
        if count > MAX_TEXTS or not 0 < width * count <= len(body) - position:
            raise ValueError(f"the attribute {wanted}")
        found = [body[position + i * width : position + (i + 1) * width] for i in range(count)]
        if of_any_length:
            places = (struct.unpack("<IQI", place) for place in found)
            found = [archive.text(address, index, size) for size, address, index in places]
        return [text.rstrip(b"\0 ").decode() for text in found]
    return []


def _shape(body: bytes) -> tuple[int, ...]:
    version, rank = body[:2]
    return struct.unpack_from(f"<{rank}Q", body, 8 if version == 1 else 4)


def _dtype(body: bytes) -> np.dtype[Any] | None:
    """Return the type of the numbers; None if they are none of float and integer."""
    kind, order = body[0] & 15, "<>"[body[1] & 1]
    (size,) = struct.unpack_from("<I", body, 4)
    if kind == _WHOLE and size in (1, 2, 4, 8):
        return np.dtype(f"{order}{'iu'[not body[1] & 8]}{size}")
    if kind != _FLOAT or _IEEE.get(size) != (body[13], body[15]) or body[1] & 0x40:
        return None
    return np.dtype(f"{order}f{size}")


def _filters(what: str, body: bytes) -> list[int]:
    """Return what was done to the bytes of each chunk, in order."""
    if not body:
        return []
    version, count = body[:2]
    position = 8 if version == 1 else 2
    found = []
    for _ in range(count):
        (number,) = struct.unpack_from("<H", body, position)
        has_name = version == 1 or number >= 256
        name_bytes = struct.unpack_from("<H", body, position + 2)[0] if has_name else 0
        position += 4 if has_name else 2
        (values,) = struct.unpack_from("<2xH", body, position)
        name_bytes = (name_bytes + 7) // 8 * 8 if version == 1 else name_bytes
        position += 4 + name_bytes + 4 * (values + (values & 1 if version == 1 else 0))
        found.append(number)
    if not {*found} <= {_DEFLATE, _SHUFFLE} or len(found) > 2:
        raise WeightsError(f"{what}: compressed by a filter that is not gzip")
    return found


def _chunks(
    archive: Archive, what: str, tree: int, shape: tuple[int, ...], sides: tuple[int, ...]
) -> list[_Chunk]:
    """Find the chunks of an array; WeightsError if some are missing."""
    needed = prod(-(-size // side) for size, side in zip(shape, sides, strict=True))
    found: dict[tuple[int, ...], _Chunk] = {}
    key = struct.Struct(f"<II{len(shape)}Q8x")
    if tree != UNDEFINED:
        for address, data in archive.leaves(tree, 1, key.size):
            stored_bytes, mask, *place = key.unpack(data)
            is_inside = all(p < size for p, size in zip(place, shape, strict=True))
            if mask or not is_inside or any(p % s for p, s in zip(place, sides, strict=True)):
                raise WeightsError(f"{what}: a chunk at {place}")
            found[tuple(place)] = _Chunk(tuple(place), address, stored_bytes)
    if len(found) != needed:
        stored_bytes = sum(chunk.stored_bytes for chunk in found.values())
        raise WeightsError(
            f"{what}: {needed} chunks have the bytes of numbers, of which {stored_bytes} bytes in "
            f"{len(found)} chunks are in the file"
        )
    return list(found.values())


def _read_chunks(
    file: WeightsFile,
    what: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    sides: tuple[int, ...],
    filters: list[int],
    chunks: list[_Chunk],
) -> Fill:
    """Put the chunks of an array together, and return what hands out its bytes."""
    whole = np.empty(shape, dtype)
    size = prod(sides) * dtype.itemsize
    for chunk in chunks:
        data = file.read_bytes(chunk.address, chunk.stored_bytes)
        for number in reversed(filters):
            data = _undone(what, data, number, size, dtype.itemsize)
        if len(data) != size:
            raise WeightsError(f"{what}: a chunk has {len(data)} bytes, not {size}")
        ends = [first + side for first, side in zip(chunk.place, sides, strict=True)]
        part = whole[tuple(map(slice, chunk.place, ends))]
        values = np.frombuffer(data, dtype).reshape(sides)
        part[...] = values[tuple(map(slice, part.shape))]  # a chunk may reach beyond the array
    return MemorySource(whole.reshape(-1).view(np.uint8).data)


def _undone(what: str, data: bytes, number: int, size: int, item_bytes: int) -> bytes:
    """Undo what a filter has done to a chunk of so many bytes."""
    if number == _DEFLATE:
        try:
            return zlib.decompressobj().decompress(data, size)
        except zlib.error as error:
            raise WeightsError(f"{what}: a chunk is corrupt: {error}") from error
    if len(data) != size:  # which is said when all filters are undone
        return data
    # The first bytes of all numbers come first, then the second ones, and so on.
    numbers: NDArray[np.uint8] = np.frombuffer(data, np.uint8).reshape(item_bytes, -1).T
    return numbers.tobytes()
