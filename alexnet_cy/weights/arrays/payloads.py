"""Take the large strings out of a pickle, so that what is left is small and can be looked through.

An object array in a ``.npy`` file is one pickle with all the weights in it as byte strings. Here it
is copied opcode by opcode, without running it and without reading the strings: each becomes
a persistent id, the number of a `Payload` that says where in the file the string lies. The copy
has a few kilobytes.
"""

from __future__ import annotations

import codecs
import pickletools
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.pickles.scan import MAX_OPCODES, MAX_PICKLE_BYTES, MAX_STRING_CHARACTERS

if TYPE_CHECKING:
    from alexnet_cy.weights.files import WeightsFile
    from alexnet_cy.weights.stored_floats import Fill

__all__ = ["Payload", "extract_payloads"]

_PIECE_BYTES = 1 << 16

_OPCODES = {opcode.code: opcode for opcode in pickletools.opcodes}
# The opcodes whose argument is a string of bytes. Python 2 has BINSTRING for these; its short
# strings may be names too, and stay.
_BYTES_OPCODES = frozenset(("BINSTRING", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"))
# A Python 3 that pickles for Python 2 writes bytes as text, one character for each byte.
_TEXT_OPCODES = frozenset(("BINUNICODE", "BINUNICODE8"))

# The width and sign of the length that precedes an argument of variable length.
_LENGTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: struct.Struct("<B"),
    pickletools.TAKEN_FROM_ARGUMENT4: struct.Struct("<i"),
    pickletools.TAKEN_FROM_ARGUMENT4U: struct.Struct("<I"),
    pickletools.TAKEN_FROM_ARGUMENT8U: struct.Struct("<Q"),
}
_MAX_LINE_BYTES = 256


@dataclass(frozen=True, slots=True)
class Payload:
    """A string in the file that has not been read.

    Attributes
    ----------
    file : WeightsFile
        Where it is.
    offset_bytes, stored_bytes : int
        Position and length.
    is_text : bool
        Whether it is UTF-8 text whose characters stand for bytes, so that it is one to two times
        as long as the bytes.
    """

    file: WeightsFile
    offset_bytes: int
    stored_bytes: int
    is_text: bool

    def may_have(self, size_bytes: int) -> bool:
        """Tell whether the string can stand for that many bytes."""
        if self.is_text:
            return size_bytes <= self.stored_bytes <= 2 * size_bytes
        return size_bytes == self.stored_bytes

    def open(self) -> Fill:
        """Return a function that fills one buffer after the other with the bytes."""
        return _TextReader(self) if self.is_text else _BytesReader(self)


def extract_payloads(
    file: WeightsFile, offset_bytes: int, end_bytes: int | None = None
) -> tuple[bytes, tuple[Payload, ...]]:
    """Copy a pickle without its large strings.

    Parameters
    ----------
    file : WeightsFile
        What holds the pickle.
    offset_bytes : int
        Where it begins.
    end_bytes : int, optional
        Where it must end; at the end of the file if left out.

    Returns
    -------
    pickle : bytes
        At most `MAX_PICKLE_BYTES`; ``BINPERSID`` with an integer stands for each string.
    payloads : tuple of Payload
        The strings; the integers are indices of it.

    Raises
    ------
    WeightsError
        The pickle is cut off or garbled, goes on for too long, has persistent ids of its own, or
        does not end where it must.
    """
    end_bytes = file.size_bytes if end_bytes is None else end_bytes
    source = _Opcodes(file, offset_bytes)
    copied = bytearray()
    payloads: list[Payload] = []
    for _ in range(MAX_OPCODES):
        name, head, length = source.next_opcode()
        is_text = name in _TEXT_OPCODES and length > MAX_STRING_CHARACTERS
        if name == "BINPERSID":
            raise WeightsError(f"{file.path!r}: the pickle refers to something outside itself")
        if name == "FRAME":  # the number of bytes that follow, which is no longer true
            source.skip(length)
        elif is_text or name in _BYTES_OPCODES:
            copied += struct.pack("<cic", b"J", len(payloads), b"Q")  # BININT, BINPERSID
            payloads.append(Payload(file, source.position, length, is_text))
            source.skip(length)
        elif len(copied) + len(head) + length > MAX_PICKLE_BYTES:
            raise WeightsError(
                f"{file.path!r}: the pickle has more than {MAX_PICKLE_BYTES} bytes besides arrays"
            )
        else:
            copied += head + source.take(length)
        if name == "STOP":
            break
    else:
        raise WeightsError(f"{file.path!r}: the pickle has more than {MAX_OPCODES} opcodes")
    if source.position != end_bytes:
        raise WeightsError(f"{file.path!r}: {end_bytes - source.position} bytes follow the pickle")
    return bytes(copied), tuple(payloads)


class _Opcodes:
    """Steps from opcode to opcode through a file."""

    def __init__(self, file: WeightsFile, position: int) -> None:
        self._file = file
        self.position = position
        self._piece = b""
        self._piece_start = position

    def next_opcode(self) -> tuple[str, bytes, int]:
        """Return the opcode's name, it with what precedes its argument, and the argument's bytes.

        `take` or `skip` of that many bytes comes next.
        """
        start = self.position
        code = self.take(1)
        opcode = _OPCODES.get(code.decode("latin-1"))
        if opcode is None:
            raise WeightsError(f"{self._file.path!r}: no pickle opcode {code!r} at byte {start}")
        size = opcode.arg.n if opcode.arg else 0
        if size >= 0:
            return opcode.name, code, size
        if opcode.name == "GLOBAL":
            return opcode.name, code + self._take_line() + self._take_line(), 0
        if size not in _LENGTHS:
            raise WeightsError(
                f"{self._file.path!r}: opcode {opcode.name} at byte {start}; pickles of protocol 2 "
                "and later are read"
            )
        prefix = self.take(_LENGTHS[size].size)
        (length,) = _LENGTHS[size].unpack(prefix)
        self._check_left(length)
        return opcode.name, code + prefix, length

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        self._check_left(count)
        start = self.position - self._piece_start
        if start + count > len(self._piece):
            left = self._file.size_bytes - self.position
            piece_bytes = min(left, max(count, _PIECE_BYTES))
            self._piece = self._file.read_bytes(self.position, piece_bytes)
            self._piece_start, start = self.position, 0
        self.position += count
        return self._piece[start : start + count]

    def skip(self, count: int) -> None:
        """Go on behind the next bytes."""
        self._check_left(count)
        self.position += count
        if self.position > self._piece_start + len(self._piece):
            self._piece, self._piece_start = b"", self.position

    def _take_line(self) -> bytes:
        line = bytearray()
        while len(line) < _MAX_LINE_BYTES:
            line += self.take(1)
            if line.endswith(b"\n"):
                return bytes(line)
        raise WeightsError(f"{self._file.path!r}: a name of more than {_MAX_LINE_BYTES} characters")

    def _check_left(self, count: int) -> None:
        left = self._file.size_bytes - self.position
        if not 0 <= count <= left:
            raise WeightsError(
                f"{self._file.path!r}: truncated or corrupt: the pickle needs {count} bytes at "
                f"offset {self.position}, the file has {left}"
            )


class _BytesReader:
    """Hands out the bytes of a payload, buffer after buffer."""

    def __init__(self, payload: Payload) -> None:
        self._file = payload.file
        self._position = payload.offset_bytes
        self._end = payload.offset_bytes + payload.stored_bytes

    def __call__(self, target: memoryview) -> None:
        if self._position + target.nbytes > self._end:
            raise WeightsError(f"{self._file.path!r}: an array is longer than its bytes")
        self._file.read_into(self._position, target)
        self._position += target.nbytes


class _TextReader:
    """Hands out the bytes that the characters of a payload stand for, buffer after buffer."""

    def __init__(self, payload: Payload) -> None:
        self._payload = payload
        self._position = payload.offset_bytes
        self._end = payload.offset_bytes + payload.stored_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._decoded = b""

    def __call__(self, target: memoryview) -> None:
        filled = 0
        while filled < target.nbytes:
            if not self._decoded:
                self._decode_piece()
            count = min(target.nbytes - filled, len(self._decoded))
            target[filled : filled + count] = self._decoded[:count]
            self._decoded = self._decoded[count:]
            filled += count

    def _decode_piece(self) -> None:
        file = self._payload.file
        count = min(_PIECE_BYTES, self._end - self._position)
        if not count:
            raise WeightsError(f"{file.path!r}: an array is longer than its text")
        piece = file.read_bytes(self._position, count)
        self._position += count
        try:
            self._decoded = self._decoder.decode(piece).encode("latin-1")
        except UnicodeError as error:
            raise WeightsError(f"{file.path!r}: an array's text stands for no bytes") from error
