"""Reader of MXNet's ``.params``: the list of named arrays that ``save_parameters`` writes.

All numbers are little-endian (apache/mxnet, src/ndarray/ndarray.cc, NDArray::Save and Load):

    uint64 0x112, uint64 0, uint64 count
    count times:
        uint32 magic          F993FAC8: version 1; F993FAC9, F993FACA: with the kind of storage
        int32 storage         0, dense
        uint32 axes, int64 x axes
        int32 x 2             the device
        int32 type            0 float32, 1 float64, 2 float16, 3 uint8, 4 int32, 5 int8, 6 int64
        the numbers
    uint64 count, then count times: uint64 length, name, with "arg:" or "aux:" before it
"""

from __future__ import annotations

import struct
from math import prod
from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.naming.assemble import assemble
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.stored_floats import BlockTensor

if TYPE_CHECKING:
    import os

    from alexnet_cy.weights.files import WeightsFile

__all__ = ["read"]

MAX_ARRAYS = 1000
MAX_AXES = 8
MAX_NAME_BYTES = 256

_VERSION_1 = 0xF993FAC8
_WITH_STORAGE = (0xF993FAC9, 0xF993FACA)
_COUNT_OFFSET = 16
_FLOATS = {0: "F32", 1: "F64", 2: "F16"}
_ITEM_BYTES = {0: 4, 1: 8, 2: 2, 3: 1, 4: 4, 5: 1, 6: 8}


def read(path: str | os.PathLike[str]) -> NetworkFile:
    """Read the structure of a ``.params`` file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    NetworkFile
        `format` is "mxnet".

    Raises
    ------
    WeightsError
        The file is cut off or garbled, or has arrays that are not dense.
    """
    file = open_file(path)
    source = _Numbers(file, _COUNT_OFFSET)
    count = source.next("<Q")
    if count > MAX_ARRAYS:
        raise WeightsError(f"{file.path!r}: {count} arrays; at most {MAX_ARRAYS} are read")
    tensors = [_array(source) for _ in range(count)]
    names = [_name(source) for _ in range(_checked_count(source, count))]
    if source.position != file.size_bytes:
        raise WeightsError(f"{file.path!r}: bytes follow the names of the arrays")
    if len(set(names)) != len(names):
        raise WeightsError(f"{file.path!r}: two arrays have the same name")
    found = {name: tensor for name, tensor in zip(names, tensors, strict=True) if tensor}
    named = assemble(found)
    return NetworkFile("mxnet", named.tensors, named.variant, named.metadata, is_guess=True)


class _Numbers:
    """Steps through a file, number by number."""

    def __init__(self, file: WeightsFile, position: int) -> None:
        self.file = file
        self.position = position

    def next(self, form: str) -> int:
        """Return the next number, of the form that struct gives it."""
        number: int
        (number,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return number

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        data = self.file.read_bytes(self.position, count)
        self.position += count
        return data


def _array(source: _Numbers) -> BlockTensor | None:
    """Read what precedes an array's numbers; None if these are whole numbers, which count."""
    file = source.file
    magic = source.next("<I")
    if magic in _WITH_STORAGE and source.next("<i") != 0:
        raise WeightsError(f"{file.path!r}: a sparse array; save it as a dense one")
    if magic not in (_VERSION_1, *_WITH_STORAGE):
        raise WeightsError(
            f"{file.path!r}: an array of version {magic:#x}, at byte {source.position - 4}; save "
            "the parameters again with MXNet 1.0 or later"
        )
    axes = source.next("<I")
    if axes > MAX_AXES:
        raise WeightsError(f"{file.path!r}: an array of {axes} axes; at most {MAX_AXES} are read")
    shape = tuple(source.next("<q") for _ in range(axes))
    source.take(8)  # the device
    kind = source.next("<i")
    if kind not in _ITEM_BYTES or min(shape, default=1) < 1:
        raise WeightsError(f"{file.path!r}: an array of shape {shape} and of type {kind}")
    start, size_bytes = source.position, prod(shape) * _ITEM_BYTES[kind]
    if start + size_bytes > file.size_bytes:
        raise WeightsError(
            f"{file.path!r}: truncated or corrupt: an array of shape {shape} needs {size_bytes} "
            f"bytes at offset {start} of a file of {file.size_bytes}"
        )
    source.position += size_bytes
    return BlockTensor(file, start, _FLOATS[kind], shape) if kind in _FLOATS else None


def _checked_count(source: _Numbers, arrays: int) -> int:
    count = source.next("<Q")
    if count != arrays:
        raise WeightsError(f"{source.file.path!r}: {count} names for {arrays} arrays")
    return count


def _name(source: _Numbers) -> str:
    length = source.next("<Q")
    if length > MAX_NAME_BYTES:
        raise WeightsError(f"{source.file.path!r}: a name of {length} bytes")
    name = source.take(length).decode("utf-8", errors="replace")
    return name.removeprefix("arg:").removeprefix("aux:")
