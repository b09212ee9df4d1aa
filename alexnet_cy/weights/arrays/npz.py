"""Reader and writer of ``.npz``: tensorpack's names and order of axes, ours, or torchvision's.

An ``.npz`` file is a zip file with an ``.npy`` file for each array, stored or deflated. tensorpack
has ``conv1/W`` in (H, W, I, O) and ``fc6/W`` with four axes, (6, 6, 256, 4096).
"""

from __future__ import annotations

import json
import zipfile
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.machine.replace_file import replace_file
from alexnet_cy.weights.arrays.npy import MAX_HEADER_BYTES, read_header
from alexnet_cy.weights.arrays.stored_arrays import StoredArray, check_element_type, network_file
from alexnet_cy.weights.files import as_weights_error, open_file
from alexnet_cy.weights.writing import VARIANT_KEY, checked_tensors, file_metadata

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from alexnet_cy.contracts.tensors import NetworkFile
    from alexnet_cy.weights.files import WeightsFile

__all__ = ["read", "write"]

MAX_MEMBERS = 1000
MAX_METADATA_BYTES = 1 << 20

# Nothing is decompressed before it is asked for. What all members say they have is bounded all the
# same: a network of 244 MB may be compressed as far as it goes, a bomb not.
MAX_EXPANSION_BYTES = 512 << 20

_METADATA_MEMBER = "__metadata__.npy"
_MAX_PIECE_BYTES = 1 << 20
_LOCAL_HEADER_BYTES = 30  # APPNOTE.TXT 4.3.7, without name and extra field


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
    # The directory is the largest part that zipfile reads at once.
    with as_weights_error(f"{file.path!r}: the zip directory"):
        archive = zipfile.ZipFile(cast("BinaryIO", file.stream(max_read_bytes=_MAX_PIECE_BYTES)))
    members = _check_members(file, archive)
    metadata = _read_metadata(file, archive, members.pop(_METADATA_MEMBER, None))
    variant = metadata.pop(VARIANT_KEY, None)
    arrays = {
        name.removesuffix(".npy"): _stored(file, archive, member)
        for name, member in members.items()
    }
    return network_file("npz", arrays, variant, metadata)


def write(
    path: str | os.PathLike[str],
    variant_name: str,
    tensors: Mapping[str, NDArray[np.float32]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a network with canonical names and layouts, as float32, uncompressed.

    Parameters
    ----------
    path : path-like
        The file; it is replaced only once the new one is complete.
    variant_name : str
        Noted in the file, with the metadata, as JSON in the bytes of an array ``__metadata__``.
    tensors : mapping of str to float32 array
        By canonical name, in canonical layout.
    metadata : mapping of str to str, optional
        Noted in the file as well.

    Raises
    ------
    TypeError
        A tensor is not float32, or a piece of metadata no str.
    OSError
        The file cannot be written.
    """
    arrays = checked_tensors(tensors)
    text = json.dumps(file_metadata(variant_name, metadata)).encode()
    noted = {_METADATA_MEMBER.removesuffix(".npy"): np.frombuffer(text, np.uint8)}
    with replace_file(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, **arrays, **noted)  # type: ignore[arg-type]


def _check_members(file: WeightsFile, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MAX_MEMBERS:
        raise WeightsError(f"{file.path!r}: {len(entries)} arrays; at most {MAX_MEMBERS} are read")
    members = {entry.filename: entry for entry in entries}
    if len(members) != len(entries):
        raise WeightsError(f"{file.path!r}: two members of the zip file have the same name")
    for name, entry in members.items():
        if not name.endswith(".npy") or len(name) > MAX_HEADER_BYTES:
            raise WeightsError(f"{file.path!r}: the zip file holds {name[:80]!r}, no array")
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise WeightsError(f"{file.path!r}: {name[:80]!r} is not stored and not deflated")
    _check_places(file, archive)
    expanded_bytes = sum(entry.file_size for entry in entries)
    if expanded_bytes > file.size_bytes + MAX_EXPANSION_BYTES:
        raise WeightsError(
            f"{file.path!r}: {file.size_bytes} bytes that say they expand to {expanded_bytes}; at "
            f"most {MAX_EXPANSION_BYTES} more than the file are read"
        )
    return members


def _check_places(file: WeightsFile, archive: zipfile.ZipFile) -> None:
    """Refuse members that overlap, or that other data precede: two readers could see two files."""
    end = 0
    for entry in sorted(archive.infolist(), key=lambda entry: entry.header_offset):
        if entry.header_offset < end or (end == 0 and entry.header_offset != 0):
            raise WeightsError(
                f"{file.path!r}: {entry.filename[:80]!r} overlaps another member of the zip file, "
                "or does not begin it"
            )
        # At least: extra fields may follow the name.
        header_bytes = _LOCAL_HEADER_BYTES + len(entry.orig_filename)
        end = entry.header_offset + header_bytes + entry.compress_size
    if end > archive.start_dir:
        raise WeightsError(f"{file.path!r}: a member reaches into the directory of the zip file")


def _read_metadata(
    file: WeightsFile, archive: zipfile.ZipFile, member: zipfile.ZipInfo | None
) -> dict[str, str]:
    if member is None:
        return {}
    if member.file_size > MAX_METADATA_BYTES:
        raise WeightsError(f"{file.path!r}: metadata of {member.file_size} bytes")
    with as_weights_error(f"{file.path!r}: the metadata"), archive.open(member) as stream:
        read_header(cast("BinaryIO", stream))
        metadata = json.loads(stream.read(MAX_METADATA_BYTES))
    if isinstance(metadata, dict) and all(isinstance(text, str) for text in metadata.values()):
        return metadata
    raise WeightsError(f"{file.path!r}: the metadata must map strings to strings")


def _stored(file: WeightsFile, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> StoredArray:
    """Read the header of one array and compare it with the member's size."""
    what = f"{file.path!r}: {member.filename[:80]!r}"
    with as_weights_error(what), archive.open(member) as stream:
        shape, fortran_order, dtype = read_header(cast("BinaryIO", stream))
        header_bytes = stream.tell()
    check_element_type(what, dtype, shape)
    array = StoredArray(
        shape,
        dtype,
        fortran_order,
        member.compress_size,
        partial(_Member, what, archive, member, header_bytes),
    )
    if header_bytes + array.size_bytes != member.file_size:
        raise WeightsError(
            f"{what}: {member.file_size - header_bytes} bytes; shape {shape} of {dtype} has "
            f"{array.size_bytes}"
        )
    return array


class _Member:
    """Hands out the numbers of one array, buffer after buffer, and checks the checksum at the end.

    The checksum is zipfile's, which compares it when a member has been read to its end.
    """

    def __init__(
        self, what: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo, header_bytes: int
    ) -> None:
        self._what = what
        self._bytes_left = member.file_size
        with as_weights_error(what):
            self._stream = archive.open(member)
        self._read(header_bytes)

    def __call__(self, target: memoryview) -> None:
        filled = 0
        while filled < target.nbytes:
            piece = self._read(min(target.nbytes - filled, _MAX_PIECE_BYTES))
            target[filled : filled + len(piece)] = piece
            filled += len(piece)

    def _read(self, count: int) -> bytes:
        with as_weights_error(self._what):
            piece = self._stream.read(count)
            if not piece:
                raise EOFError("the data end before the array does")
            self._bytes_left -= len(piece)
            if not self._bytes_left:
                self._stream.read(1)
        return piece
