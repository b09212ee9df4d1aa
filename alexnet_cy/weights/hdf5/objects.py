"""The skeleton of an HDF5 file: objects, which are lists of messages, and the links of groups.

The library of HDF5 takes memory, and goes round in circles, as a damaged file tells it to. Here
every step is counted, and every size is compared with the file's. What is read is what the library
writes unless told otherwise, and its later forms as far as weights need them (HDF5 File Format
Specification, version 3.0; the numbers of its sections stand at each part).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from alexnet_cy.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alexnet_cy.weights.files import WeightsFile

__all__ = ["UNDEFINED", "Archive", "Message"]

UNDEFINED = (1 << 64) - 1
"""The address of what is not there."""

MAX_STEPS = 100_000
MAX_BLOCK_BYTES = 1 << 20
MAX_NAME_BYTES = 256

_LINK, _CONTINUATION, _SYMBOL_TABLE = 0x06, 0x10, 0x11
# What says where many links and many attributes are, with the bytes of the largest number of one.
_INDEX_BYTES = {0x02: 8, 0x15: 2}
_SHARED = 2  # a flag of a message
_SOFT_LINK = 2  # the kind of an entry of a symbol table


class Message(NamedTuple):
    """A piece of what an object is: the number of its kind, and its bytes."""

    kind: int
    body: bytes


class Archive:
    """An HDF5 file.

    Parameters
    ----------
    file : WeightsFile
        What is damaged raises `WeightsError`, struct.error, IndexError or ValueError.
    """

    def __init__(self, file: WeightsFile) -> None:
        self.file = file
        self._steps_left = MAX_STEPS

    def step(self, count: int = 1) -> None:
        """Count what is looked at; WeightsError if it becomes too much."""
        self._steps_left -= count
        if self._steps_left < 0:
            raise WeightsError(f"{self.file.path!r}: more than {MAX_STEPS} parts")

    def block(self, address: int, size: int) -> bytes:
        """Return the bytes of a part of the skeleton."""
        if size > MAX_BLOCK_BYTES:
            raise WeightsError(f"{self.file.path!r}: a part that should be small has {size} bytes")
        self.step(1 + size // 4096)
        return self.file.read_bytes(address, size)

    def root(self) -> int:
        """Return the address of the outermost group (II.A)."""
        head = self.file.head(96)
        version = head[8]
        if version in (0, 1):
            sizes, start = head[13:15], 24 + 4 * version
            (base,), (root,) = (struct.unpack_from("<Q", head, start + at) for at in (0, 40))
        elif version in (2, 3):
            sizes = head[9:11]
            (base,), (root,) = (struct.unpack_from("<Q", head, at) for at in (12, 36))
        else:
            raise ValueError(f"version {version}")
        if sizes != b"\x08\x08" or base:
            raise ValueError("addresses that are not counted in 8 bytes from the file's beginning")
        return int(root)

    def messages(self, address: int) -> list[Message]:
        """Return the messages of an object (IV.A.1)."""
        self.step()
        head = self.block(address, min(38, self.file.size_bytes - address))
        if head.startswith(b"OHDR"):
            version, flags = head[4:6]
            start = 6 + 16 * (flags >> 5 & 1) + 4 * (flags >> 4 & 1)
            width = 1 << (flags & 3)
            size = int.from_bytes(head[start : start + width], "little")
            blocks = [(address + start + width, size)]
            form = "<BHB2x" if flags & 4 else "<BHB"
        else:
            version, size = struct.unpack_from("<B7xI", head)
            blocks = [(address + 16, size)]
            form = "<HHB3x"
        if version != (2 if form[1] == "B" else 1):
            raise ValueError(f"an object of version {version}")
        found: list[Message] = []
        for start, size in blocks:  # it grows
            data = self.block(start, size)
            for message in self._in_block(data, form):
                if message.kind == _CONTINUATION:
                    start, size = struct.unpack_from("<QQ", message.body)
                    blocks.append((start, size) if form[1] == "H" else (start + 4, size - 8))
                found.append(message)
        return found

    def _in_block(self, data: bytes, form: str) -> Iterator[Message]:
        position, head_bytes = 0, struct.calcsize(form)
        while position + head_bytes <= len(data):
            self.step()
            kind, size, flags = struct.unpack_from(form, data, position)
            position += head_bytes
            body = data[position : position + size]
            position += size
            if len(body) < size:
                raise ValueError("a message that is longer than its object")
            if kind:  # 0 fills gaps
                yield Message(kind | flags << 16 & _SHARED << 16, body)

    def links(self, messages: list[Message]) -> dict[str, int]:
        """Return the addresses of what is in a group, by name, in the file's order.

        Raises
        ------
        WeightsError
            A link leads to another name or file; or there are so many, or so many attributes, that
            they are kept in a heap of their own, as programs do that ask for the newest form.
        """
        found: dict[str, int] = {}
        for kind, body in messages:
            if kind == _SYMBOL_TABLE:
                tree, heap = struct.unpack_from("<QQ", body)
                pairs = self._symbols(tree, self._heap(heap))
            elif kind == _LINK:
                pairs = iter([self._link(body)])
            elif kind in _INDEX_BYTES:
                (heap,) = struct.unpack_from("<Q", body, 2 + _INDEX_BYTES[kind] * (body[1] & 1))
                if heap != UNDEFINED:
                    raise WeightsError(
                        f"{self.file.path!r}: a group in HDF5's newest form; write the file again "
                        "with h5py.File(path, 'w', libver='earliest')"
                    )
                continue
            else:
                continue
            for name, address in pairs:
                self.step()
                if name in found or len(name) > MAX_NAME_BYTES:
                    raise WeightsError(f"{self.file.path!r}: the name {name[:80]!r}")
                found[name] = address
        return found

    def _heap(self, address: int) -> bytes:
        """Return the names of a group (III.D)."""
        signature, size, start = struct.unpack("<4s4xQ8xQ", self.block(address, 32))
        if signature != b"HEAP":
            raise ValueError("a group without names")
        return self.block(start, size)

    def _symbols(self, tree: int, names: bytes) -> Iterator[tuple[str, int]]:
        """Walk through the links of a group in its first form (III.A.1, III.B, III.C)."""
        for leaf, _ in self.leaves(tree, 0, 8):
            signature, count = struct.unpack("<4s2xH", self.block(leaf, 8))
            if signature != b"SNOD":
                raise ValueError("a group without links")
            data = self.block(leaf + 8, 40 * count)
            for at in range(0, len(data), 40):
                name_at, address, cached = struct.unpack_from("<QQI", data, at)
                name = names[name_at : names.index(b"\0", name_at)].decode()
                if cached == _SOFT_LINK:
                    raise self._elsewhere(name)
                yield name, address

    def leaves(self, tree: int, kind: int, key_bytes: int) -> Iterator[tuple[int, bytes]]:
        """Yield what the leaves of a tree lead to, each with its key (III.A.1)."""
        waiting = [tree]
        while waiting:
            node = waiting.pop()
            signature, found, level, count = struct.unpack("<4sBBH", self.block(node, 8))
            if signature != b"TREE" or found != kind:
                raise ValueError("a tree that is none")
            entry = struct.Struct(f"<{key_bytes}sQ")
            data = self.block(node + 24, entry.size * count)
            entries = list(entry.iter_unpack(data))
            self.step(len(entries))
            if level:
                waiting += [child for _, child in reversed(entries)]
            else:
                yield from ((child, key) for key, child in entries)

    def text(self, address: int, index: int, size: int) -> bytes:
        """Return a text of any length, which is kept beside what has it (III.E)."""
        signature, heap_bytes = struct.unpack("<4s4xQ", self.block(address, 16))
        if signature != b"GCOL":
            raise ValueError("a text that is not where it should be")
        data, position = self.block(address, heap_bytes), 16
        while position + 16 <= len(data):
            self.step()
            found, found_bytes = struct.unpack_from("<H6xQ", data, position)
            position += 16
            if found == index:
                return data[position : position + min(found_bytes, size)]
            position += (found_bytes + 7) // 8 * 8
        raise ValueError("a text that is not there")

    def _link(self, body: bytes) -> tuple[str, int]:
        """Read a link of the second form (IV.A.2.g)."""
        flags, position = body[1], 2
        kind = body[position] if flags & 8 else 0
        position += (flags >> 3 & 1) + 8 * (flags >> 2 & 1) + (flags >> 4 & 1)
        width = 1 << (flags & 3)
        size = int.from_bytes(body[position : position + width], "little")
        position += width
        name = body[position : position + size].decode()
        if kind:
            raise self._elsewhere(name)
        (address,) = struct.unpack_from("<Q", body, position + size)
        return name, address

    def _elsewhere(self, name: str) -> WeightsError:
        return WeightsError(
            f"{self.file.path!r}: {name[:80]!r} is a link, perhaps to another file; weights must "
            "be in the file itself"
        )
