"""Reader and writer of ``.npz``: tensorpack's names and order of axes, ours, or torchvision's.

An ``.npz`` file is a zip file with an ``.npy`` file for each array, stored or deflated. tensorpack
has ``conv1/W`` in (H, W, I, O) and ``fc6/W`` with four axes, (6, 6, 256, 4096). Arrays without
names are named by their order.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.machine.replace_file import replace_file
from alexnet_cy.weights.arrays.checked_rows import join_crc32
from alexnet_cy.weights.arrays.npy import MAX_HEADER_BYTES, read_header
from alexnet_cy.weights.arrays.stored_arrays import (
    Block,
    StoredArray,
    check_element_type,
    is_counter,
    network_file,
)
from alexnet_cy.weights.arrays.unnamed import named_in_order
from alexnet_cy.weights.files import as_weights_error, open_file
from alexnet_cy.weights.writing import checked_tensors, file_metadata, noted_network
from alexnet_cy.weights.zip_members import MemberSource, read_members

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from alexnet_cy.network.architecture import Variant
    from alexnet_cy.weights.files import WeightsFile
    from alexnet_cy.weights.network_file import NetworkFile
    from alexnet_cy.weights.zip_members import Member

__all__ = ["read", "write"]

MAX_MEMBERS = 1000
MAX_METADATA_BYTES = 1 << 20
MAX_HEAD_BYTES = MAX_HEADER_BYTES + 64  # the magic number and the length precede the header
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

# Nothing is decompressed before it is asked for. What all members say they have is bounded all the
# same: a network of 244 MB may be compressed as far as it goes, a bomb not.
MAX_EXPANSION_BYTES = 512 << 20

_METADATA_MEMBER = "__metadata__.npy"


def read(path: str | os.PathLike[str]) -> NetworkFile:
    """Read the directory of an ``.npz`` file and the header of each array.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    NetworkFile
        Its variant is the one that `write` noted, or "torchvision" by the names.

    Raises
    ------
    WeightsError
        The file is cut off, garbled or encrypted, has a name twice, or holds anything else than
        arrays of floating-point numbers.
    """
    file = open_file(path)
    members = read_members(file, METHODS)
    _check_members(file, members)
    metadata = _read_metadata(file, members.pop(_METADATA_MEMBER, None))
    variant, network = noted_network(file.path, metadata)
    found = {name.removesuffix(".npy"): _stored(file, member) for name, member in members.items()}
    arrays = {name: array for name, array in found.items() if array is not None}
    if not arrays:
        raise WeightsError(f"{file.path!r}: a zip file without any arrays of weights")
    named = named_in_order(file.path, arrays)
    return network_file("npz", named, variant, metadata, network)


def write(
    path: str | os.PathLike[str],
    variant: str | Variant,
    tensors: Mapping[str, NDArray[np.float32]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a network as float32, uncompressed; a `writing.Writer`, for tensors of any names.

    The metadata are noted as JSON in the bytes of an array ``__metadata__``.
    """
    arrays = checked_tensors(tensors)
    text = json.dumps(file_metadata(variant, metadata)).encode()
    noted = {_METADATA_MEMBER.removesuffix(".npy"): np.frombuffer(text, np.uint8)}
    with replace_file(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, **arrays, **noted)  # type: ignore[arg-type]


def _check_members(file: WeightsFile, members: Mapping[str, Member]) -> None:
    if len(members) > MAX_MEMBERS:
        raise WeightsError(f"{file.path!r}: {len(members)} arrays; at most {MAX_MEMBERS} are read")
    for name in members:
        if not name.endswith(".npy"):
            raise WeightsError(f"{file.path!r}: the zip file holds {name[:80]!r}, no array")
    expanded_bytes = sum(member.size_bytes for member in members.values())
    if expanded_bytes > file.size_bytes + MAX_EXPANSION_BYTES:
        raise WeightsError(
            f"{file.path!r}: {file.size_bytes} bytes that say they expand to {expanded_bytes}; at "
            f"most {MAX_EXPANSION_BYTES} more than the file are read"
        )


def _read_metadata(file: WeightsFile, member: Member | None) -> dict[str, str]:
    if member is None:
        return {}
    stream = io.BytesIO(member.read(file, MAX_METADATA_BYTES))
    with as_weights_error(f"{file.path!r}: the metadata"):
        read_header(stream)
        metadata = json.loads(stream.read())
    if isinstance(metadata, dict) and all(isinstance(text, str) for text in metadata.values()):
        return metadata
    raise WeightsError(f"{file.path!r}: the metadata must map strings to strings")


def _stored(file: WeightsFile, member: Member) -> StoredArray | None:
    """Read the header of one array and compare it with the member's size; None for a counter."""
    what = f"{file.path!r}: {member.name[:80]!r}"
    head = bytearray(min(member.size_bytes, MAX_HEAD_BYTES))
    MemberSource(file, member)(memoryview(head))
    stream = io.BytesIO(head)
    with as_weights_error(what):
        shape, fortran_order, dtype = read_header(stream)
    header_bytes = stream.tell()
    if is_counter(dtype, shape):
        return None
    check_element_type(what, dtype, shape)
    numbers_bytes = member.size_bytes - header_bytes
    block = None
    if not member.is_deflated and member.crc32 is not None:
        # That of header and numbers less that of the header; adding and subtracting are the same.
        of_header = zlib.crc32(memoryview(head)[:header_bytes])
        crc32 = join_crc32(of_header, member.crc32, numbers_bytes)
        block = Block(file, member.offset_bytes + header_bytes, crc32)
    array = StoredArray(
        shape,
        dtype,
        fortran_order,
        member.stored_bytes,
        partial(_open_numbers, file, member, header_bytes),
        block,
    )
    if array.size_bytes != numbers_bytes:
        raise WeightsError(
            f"{what}: {numbers_bytes} bytes; shape {shape} of {dtype} has {array.size_bytes}"
        )
    return array


def _open_numbers(file: WeightsFile, member: Member, header_bytes: int) -> MemberSource:
    """Return the source of a member's bytes, the header of the array read."""
    source = MemberSource(file, member)
    source(memoryview(bytearray(header_bytes)))
    return source
