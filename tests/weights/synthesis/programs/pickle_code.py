"""Pickles put together opcode by opcode, and the smallest ``.pth`` file around them."""

from __future__ import annotations

import struct

from synthesis.programs.zip_writer import Member, zip_bytes

ELEMENTS = 6
NUMBERS = struct.pack("<6f", *range(ELEMENTS))

PROTOCOL = b"\x80\x02"


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    """Return LONG1, which takes integers of up to 255 bytes."""
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def storage(elements: bytes = b"K\x06", kind: bytes = name("torch", "FloatStorage")) -> bytes:
    """Return code that pushes storage "0"."""
    return b"(" + text("storage") + kind + text("0") + text("cpu") + elements + b"tQ"


def tensor(
    offset: bytes = b"K\x00",
    shape: bytes = b"K\x02K\x03\x86",
    strides: bytes = b"K\x03K\x01\x86",
    base: bytes = storage(),
    rest: bytes = b"\x89N",
) -> bytes:
    """Return code that pushes a tensor of 2 x 3 elements, or what the arguments make of it."""
    rebuild = name("torch._utils", "_rebuild_tensor_v2")
    return rebuild + b"(" + base + offset + shape + strides + rest + b"tR"


def state(value: bytes) -> bytes:
    """Return a pickle of a dict with one tensor."""
    return PROTOCOL + b"}" + text("features.0.weight") + value + b"s."


def archive(pickle: bytes, **data: bytes) -> bytes:
    """Return a zip file with this pickle and storage "0", or the storages in `data`."""
    storages = data or {"0": NUMBERS}
    members = [Member("a/data.pkl", pickle), Member("a/byteorder", b"little")]
    return zip_bytes(members + [Member(f"a/data/{key}", value) for key, value in storages.items()])


def sound() -> bytes:
    """Return the file that the attacks damage; it is fine."""
    return archive(state(tensor()))
