"""The zip container of a PyTorch checkpoint (torch 1.6 and later).

Members are stored, not compressed: ``<prefix>/data.pkl`` describes the tensors,
``<prefix>/data/<key>`` is one storage, ``<prefix>/byteorder`` says "little" or "big" (since 2.1).
`zipfile` reads the directory; where each member's bytes lie is then checked against its local
header, so that no two ways to read the archive can differ.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.files import as_weights_error
from alexnet_cy.weights.pickles.scan import MAX_PICKLE_BYTES
from alexnet_cy.weights.pytorch.checkpoint import Checkpoint, StoragePlace
from alexnet_cy.weights.pytorch.unpickler import load_pickle

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.weights.files import WeightsFile

__all__ = ["ZIP_MAGIC", "read_zip"]

ZIP_MAGIC = b"PK\x03\x04"

MAX_DIRECTORY_BYTES = 1 << 20  # torchvision's AlexNet: 2 KiB
MAX_BYTEORDER_BYTES = 16

# APPNOTE.TXT 4.3.7: signature, version, flags, method, time, date, CRC-32, compressed size,
# uncompressed size, name length, extra length.
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_FORBIDDEN_FLAGS = 0x0001 | 0x0020 | 0x0040 | 0x2000  # encrypted, patched, encrypted, masked
_SIZES_FOLLOW_FLAG = 0x0008
_UTF8_FLAG = 0x0800
_SIZE_IN_ZIP64 = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class _Member:
    """Where one member lies: its header, its bytes, and the checksum that they must have."""

    name: str
    header_offset: int
    offset_bytes: int
    size_bytes: int
    crc32: int | None


def read_zip(file: WeightsFile) -> Checkpoint:
    """Read the description of the tensors and find their storages.

    Parameters
    ----------
    file : WeightsFile
        A file that begins with `ZIP_MAGIC`.

    Returns
    -------
    Checkpoint

    Raises
    ------
    WeightsError
        The archive is damaged or ambiguous, has members that are not stored plainly, or is no
        PyTorch checkpoint.
    """
    entries, directory_offset = _read_directory(file)
    if any(entry.filename.split("/")[-1] == "constants.pkl" for entry in entries):
        raise WeightsError(
            f"{file.path!r}: a TorchScript archive (torch.jit.save); save net.state_dict() with "
            "torch.save instead"
        )
    members = _locate_members(file, entries, directory_offset)
    description = _find_description(file, members)
    prefix = description.name.removesuffix("data.pkl")
    _check_byteorder(file, members.get(f"{prefix}byteorder"))
    data = _read_member(file, description, MAX_PICKLE_BYTES)
    unpickled = load_pickle(data, f"{file.path!r}: {description.name!r}")
    if unpickled.end != len(data):
        raise WeightsError(f"{file.path!r}: {description.name!r} goes on after its pickle's end")
    places = {}
    for key, storage in unpickled.storages.items():
        member = members.get(f"{prefix}data/{key}")
        if member is None:
            raise WeightsError(f"{file.path!r}: there is no member {f'{prefix}data/{key}'!r}")
        if member.size_bytes != storage.size_bytes:
            raise WeightsError(
                f"{file.path!r}: {member.name!r} has {member.size_bytes} bytes; "
                f"{storage.elements} numbers of type {storage.dtype} need {storage.size_bytes}"
            )
        places[key] = StoragePlace(member.offset_bytes, member.crc32)
    return Checkpoint("zip", unpickled.root, places)


def _find_description(file: WeightsFile, members: Mapping[str, _Member]) -> _Member:
    found = [member for name, member in members.items() if name.split("/")[-1] == "data.pkl"]
    if len(found) != 1:
        raise WeightsError(
            f"{file.path!r}: a zip file with {len(found)} members called data.pkl; a PyTorch "
            "checkpoint has one"
        )
    return found[0]


def _check_byteorder(file: WeightsFile, member: _Member | None) -> None:
    if member is not None:
        order = _read_member(file, member, MAX_BYTEORDER_BYTES)
        if order != b"little":
            raise WeightsError(f"{file.path!r}: byteorder {order!r}; only little-endian is read")


def _read_member(file: WeightsFile, member: _Member, max_bytes: int) -> bytes:
    """Return the bytes of a small member, checked."""
    if member.size_bytes > max_bytes:
        raise WeightsError(
            f"{file.path!r}: {member.name!r} has {member.size_bytes} bytes; at most {max_bytes} "
            "are read"
        )
    data = file.read_bytes(member.offset_bytes, member.size_bytes)
    if member.crc32 is not None and zlib.crc32(data) != member.crc32:
        raise WeightsError(f"{file.path!r}: corrupt: the checksum of {member.name!r} differs")
    return data


def _read_directory(file: WeightsFile) -> tuple[list[zipfile.ZipInfo], int]:
    """Return the entries of the central directory, and where it begins."""
    with (
        as_weights_error(f"{file.path!r}: its zip directory"),
        zipfile.ZipFile(file.stream(MAX_DIRECTORY_BYTES)) as archive,
    ):
        return archive.infolist(), archive.start_dir


def _locate_members(
    file: WeightsFile, entries: list[zipfile.ZipInfo], directory_offset: int
) -> dict[str, _Member]:
    """Check every entry against its local header, and all members against each other."""
    # torch.serialization.set_crc32_options(False) writes zeros, to all members alike.
    has_checksums = any(entry.CRC for entry in entries)
    members = sorted(
        (_check_entry(file, entry, has_checksums) for entry in entries),
        key=lambda member: member.header_offset,
    )
    end = 0
    for member in members:
        # The first header must be the file's first bytes, or another kind of file precedes it.
        if member.header_offset < end or (end == 0 and member.header_offset != 0):
            raise _unsound(file, f"{member.name!r} overlaps, or does not begin the file")
        end = member.offset_bytes + member.size_bytes
    if end > directory_offset:
        raise _unsound(file, "the last member reaches into the directory")
    by_name = {member.name: member for member in members}
    if len(by_name) != len(members):
        raise _unsound(file, "two members have the same name")
    return by_name


def _check_entry(file: WeightsFile, entry: zipfile.ZipInfo, has_checksums: bool) -> _Member:
    """Compare an entry of the directory with its local header."""
    name = entry.orig_filename
    parts = name.split("/")
    if "\\" in name or "\0" in name or ".." in parts or "" in parts:
        raise _unsound(file, f"a member with the path {name!r}")
    if entry.flag_bits & _FORBIDDEN_FLAGS:
        raise _unsound(file, f"{name!r} is encrypted or patched")
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        raise _unsound(file, f"{name!r} is compressed; torch.save stores its members as they are")
    header = file.read_bytes(entry.header_offset, _LOCAL_HEADER.size)
    signature, _, flags, method, _, _, crc32, stored, size, name_bytes, extra_bytes = (
        _LOCAL_HEADER.unpack(header)
    )
    name_offset = entry.header_offset + _LOCAL_HEADER.size
    local_name = file.read_bytes(name_offset, name_bytes)
    expected_name = name.encode("utf-8" if flags & _UTF8_FLAG else "cp437", errors="replace")
    sizes = {stored, size} - {_SIZE_IN_ZIP64, *((0,) if flags & _SIZES_FOLLOW_FLAG else ())}
    if (
        signature != ZIP_MAGIC
        or flags != entry.flag_bits
        or method != zipfile.ZIP_STORED
        or local_name != expected_name
        or not sizes <= {entry.file_size}
        or not (crc32 == entry.CRC or flags & _SIZES_FOLLOW_FLAG)
    ):
        raise _unsound(file, f"{name!r} is described in two ways that differ")
    return _Member(
        name,
        entry.header_offset,
        name_offset + name_bytes + extra_bytes,
        entry.file_size,
        entry.CRC if has_checksums else None,
    )


def _unsound(file: WeightsFile, problem: str) -> WeightsError:
    return WeightsError(f"{file.path!r}: not a sound zip file: {problem}")
