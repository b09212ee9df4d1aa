"""The members of a zip file, checked: PyTorch checkpoints and ``.npz`` files are such files.

`zipfile` reads the directory. Where each member's bytes lie is then checked against its local
header, and all members against each other, so that no two ways to read the archive can differ. The
bytes are read by position, and inflated here if need be.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.files import as_weights_error

if TYPE_CHECKING:
    from alexnet_cy.weights.files import WeightsFile

__all__ = ["ZIP_MAGIC", "Member", "MemberSource", "member_names", "read_members"]

ZIP_MAGIC = b"PK\x03\x04"

MAX_DIRECTORY_BYTES = 1 << 20  # torchvision's AlexNet: 2 KiB
MAX_NAME_CHARACTERS = 10_000

# APPNOTE.TXT 4.3.7: signature, version, flags, method, time, date, CRC-32, compressed size,
# uncompressed size, name length, extra length.
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_FORBIDDEN_FLAGS = 0x0001 | 0x0020 | 0x0040 | 0x2000  # encrypted, patched, encrypted, masked
_SIZES_FOLLOW_FLAG = 0x0008
_UTF8_FLAG = 0x0800
_SIZE_IN_ZIP64 = 0xFFFFFFFF
_METHODS = {zipfile.ZIP_STORED: "stored", zipfile.ZIP_DEFLATED: "deflated"}

_PIECE_BYTES = 1 << 16
_MAX_INFLATED_BYTES = 1 << 20  # a piece may stand for a thousand times as many bytes
_SHOWN_CHARACTERS = 80


class Member(NamedTuple):
    """Where a member lies in the file, and what its bytes must be.

    Attributes
    ----------
    name : str
    header_offset, offset_bytes : int
        Where its local header begins, and where its bytes do.
    stored_bytes, size_bytes : int
        How many these are, and how many they stand for.
    is_deflated : bool
        Whether they are compressed; the two sizes are the same if not.
    crc32 : int or None
        The checksum of what they stand for; None if the archive has no checksums.
    """

    name: str
    header_offset: int
    offset_bytes: int
    stored_bytes: int
    size_bytes: int
    is_deflated: bool
    crc32: int | None

    def read(self, file: WeightsFile, max_bytes: int) -> bytes:
        """Return all bytes of a small member, checked.

        Raises
        ------
        WeightsError
            It has more than `max_bytes`, or as `MemberSource`.
        """
        if self.size_bytes > max_bytes:
            raise WeightsError(
                f"{file.path!r}: {_shown(self.name)} has {self.size_bytes} bytes; at most "
                f"{max_bytes} are read"
            )
        data = bytearray(self.size_bytes)
        MemberSource(file, self)(memoryview(data))
        return bytes(data)


class MemberSource:
    """Hands out the bytes of a member, buffer after buffer; the last one is followed by a check.

    Parameters
    ----------
    file : WeightsFile
    member : Member

    """

    def __init__(self, file: WeightsFile, member: Member) -> None:
        self._file = file
        self._member = member
        self._position = member.offset_bytes
        self._bytes_left = member.size_bytes
        self._crc32 = 0
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)  # of no use to what is stored

    def __call__(self, target: memoryview) -> None:
        """Fill a buffer with the next bytes.

        Raises
        ------
        WeightsError
            The file cannot be read, what is deflated stands for fewer bytes or is garbled, or all
            bytes of the member have now been read and their checksum differs.
        """
        if target.nbytes > self._bytes_left:
            raise self._error("truncated or corrupt: the data end before the array does")
        if self._member.is_deflated:
            self._inflate(target)
        else:
            self._file.read_into(self._position, target)
            self._position += target.nbytes
        self._bytes_left -= target.nbytes
        if self._member.crc32 is not None:
            self._crc32 = zlib.crc32(target, self._crc32)
            if not self._bytes_left and self._crc32 != self._member.crc32:
                raise self._error("corrupt: the checksum differs")

    def _inflate(self, target: memoryview) -> None:
        filled = 0
        while filled < target.nbytes:
            piece = self._inflater.unconsumed_tail or self._next_piece()
            try:
                inflated = self._inflater.decompress(
                    piece, min(target.nbytes - filled, _MAX_INFLATED_BYTES)
                )
            except zlib.error as error:
                raise self._error(f"corrupt: {error}") from error
            if not inflated and (self._inflater.eof or not piece):
                raise self._error("truncated or corrupt: the data end before the array does")
            target[filled : filled + len(inflated)] = inflated
            filled += len(inflated)

    def _next_piece(self) -> bytes:
        end = self._member.offset_bytes + self._member.stored_bytes
        count = min(_PIECE_BYTES, end - self._position)
        piece = self._file.read_bytes(self._position, count)
        self._position += count
        return piece

    def _error(self, problem: str) -> WeightsError:
        return WeightsError(f"{self._file.path!r}: {_shown(self._member.name)}: {problem}")


def read_members(
    file: WeightsFile,
    methods: Sequence[int] = (zipfile.ZIP_STORED,),
    *,
    may_lack_checksums: bool = False,
) -> dict[str, Member]:
    """Find the members of a zip file, and check what the file says of them.

    Parameters
    ----------
    file : WeightsFile
    methods : sequence of int
        The ways in which members may be stored, ``zipfile.ZIP_STORED`` and
        ``zipfile.ZIP_DEFLATED``.
    may_lack_checksums : bool
        Whether an archive whose checksums are all 0 has none.

    Returns
    -------
    dict of str to Member
        By name, in the order in which they lie in the file.

    Raises
    ------
    WeightsError
        The archive is damaged or ambiguous, its directory has more than `MAX_DIRECTORY_BYTES`, or a
        member is encrypted or compressed in another way.
    """
    entries, directory_offset = _read_directory(file)
    has_checksums = not may_lack_checksums or any(entry.CRC for entry in entries)
    members = sorted(
        (_check_entry(file, entry, methods, has_checksums) for entry in entries),
        key=lambda member: member.header_offset,
    )
    end = 0
    for member in members:
        # The first header must be the file's first bytes, or another kind of file precedes it.
        if member.header_offset < end or (end == 0 and member.header_offset != 0):
            raise _unsound(file, f"{_shown(member.name)} overlaps, or does not begin the file")
        end = member.offset_bytes + member.stored_bytes
    if end > directory_offset:
        raise _unsound(file, "the last member reaches into the directory")
    by_name = {member.name: member for member in members}
    if len(by_name) != len(members):
        raise _unsound(file, "two members have the same name")
    return by_name


def member_names(file: WeightsFile) -> list[str]:
    """Return the names in the directory of a zip file, to tell what kind of file it is.

    Raises
    ------
    WeightsError
        The directory is damaged, or has more than `MAX_DIRECTORY_BYTES`.
    """
    entries, _ = _read_directory(file)
    return [entry.orig_filename for entry in entries]


def _read_directory(file: WeightsFile) -> tuple[list[zipfile.ZipInfo], int]:
    """Return the entries of the directory, and where in the file it begins."""
    with (
        as_weights_error(f"{file.path!r}: the zip directory"),
        zipfile.ZipFile(file.stream(MAX_DIRECTORY_BYTES)) as archive,
    ):
        return archive.infolist(), archive.start_dir


def _check_entry(
    file: WeightsFile, entry: zipfile.ZipInfo, methods: Sequence[int], has_checksums: bool
) -> Member:
    """Compare an entry of the directory with its local header."""
    name = entry.orig_filename
    parts = name.split("/")
    if "\\" in name or "\0" in name or ".." in parts or "" in parts:
        raise _unsound(file, f"a member with the path {_shown(name)}")
    if len(name) > MAX_NAME_CHARACTERS:
        raise _unsound(file, f"a member whose name has {len(name)} characters")
    if entry.flag_bits & _FORBIDDEN_FLAGS:
        raise _unsound(file, f"{_shown(name)} is encrypted or patched")
    is_stored = entry.compress_type == zipfile.ZIP_STORED
    if entry.compress_type not in methods or (is_stored and entry.compress_size != entry.file_size):
        needed = " or ".join(_METHODS[method] for method in methods)
        raise _unsound(file, f"{_shown(name)} is compressed; it must be {needed}")
    header = file.read_bytes(entry.header_offset, _LOCAL_HEADER.size)
    signature, _, flags, method, _, _, crc32, stored, size, name_bytes, extra_bytes = (
        _LOCAL_HEADER.unpack(header)
    )
    name_offset = entry.header_offset + _LOCAL_HEADER.size
    local_name = file.read_bytes(name_offset, name_bytes)
    expected_name = name.encode("utf-8" if flags & _UTF8_FLAG else "cp437", errors="replace")
    elsewhere = {_SIZE_IN_ZIP64, *((0,) if flags & _SIZES_FOLLOW_FLAG else ())}
    if (
        signature != ZIP_MAGIC
        or flags != entry.flag_bits
        or method != entry.compress_type
        or local_name != expected_name
        or stored not in {entry.compress_size, *elsewhere}
        or size not in {entry.file_size, *elsewhere}
        or not (crc32 == entry.CRC or flags & _SIZES_FOLLOW_FLAG)
    ):
        raise _unsound(file, f"{_shown(name)} is described in two ways that differ")
    return Member(
        name,
        entry.header_offset,
        name_offset + name_bytes + extra_bytes,
        entry.compress_size,
        entry.file_size,
        not is_stored,
        entry.CRC if has_checksums else None,
    )


def _shown(name: str) -> str:
    return repr(name[:_SHOWN_CHARACTERS])


def _unsound(file: WeightsFile, problem: str) -> WeightsError:
    return WeightsError(f"{file.path!r}: not a sound zip file: {problem}")
