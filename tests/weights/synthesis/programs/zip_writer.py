"""A zip writer in which every field can be made to lie; by default it writes as torch does.

Torch pads the local header so that each member begins at a multiple of 64 bytes, leaves checksum
and sizes out of it and puts them behind the member.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

ALIGNMENT = 64
UTF8_AND_SIZES_FOLLOW = 0x0808


@dataclass
class Member:
    """One member; each field that is None is what it should be."""

    name: str
    data: bytes
    flags: int = UTF8_AND_SIZES_FOLLOW
    method: int = 0
    crc32: int | None = None
    size: int | None = None  # uncompressed
    stored_size: int | None = None
    header_offset: int | None = None  # in the directory
    local_name: str | None = None
    local_flags: int | None = None
    local_method: int | None = None
    local_size: int | None = None
    local_crc32: int | None = None
    is_listed: bool = True


def zip_bytes(members: list[Member], *, entries: int | None = None, comment: bytes = b"") -> bytes:
    """Return an archive."""
    out = bytearray()
    directory = bytearray()
    for member in members:
        offset = len(out)
        out += _local_header(member, offset) + member.data
        crc32 = _or(member.crc32, zlib.crc32(member.data))
        stored = _or(member.stored_size, len(member.data))
        size = _or(member.size, len(member.data))
        if member.flags & 0x0008:
            out += struct.pack("<4s3I", b"PK\x07\x08", crc32, stored, size)
        if member.is_listed:
            name = member.name.encode()
            directory += struct.pack(
                "<4s6H3I5H2I",
                *(b"PK\x01\x02", 0, 0, member.flags, member.method, 0, 0, crc32, stored, size),
                *(len(name), 0, 0, 0, 0, 0, _or(member.header_offset, offset)),
            )
            directory += name
    count = _or(entries, sum(member.is_listed for member in members))
    end = struct.pack(
        *("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(out), len(comment))
    )
    return bytes(out + directory + end + comment)


def _local_header(member: Member, offset: int) -> bytes:
    name = _or(member.local_name, member.name).encode()
    flags = _or(member.local_flags, member.flags)
    follow = flags & 0x0008
    size = _or(member.local_size, 0 if follow else len(member.data))
    crc32 = _or(member.local_crc32, 0 if follow else zlib.crc32(member.data))
    # An extra field of its own kind, "FB", of which only the length matters.
    padding = -(offset + 30 + len(name) + 4) % ALIGNMENT
    extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    method = _or(member.local_method, member.method)
    fields = (b"PK\x03\x04", 0, flags, method, 0, 0, crc32, size, size, len(name), len(extra))
    return struct.pack("<4s5H3I2H", *fields) + name + extra


def _or(value, default):
    return default if value is None else value
