"""Read a protobuf file without its large arrays: the message, with spans in place of payloads.

A weight file is a few kilobytes of structure around 244 MB of numbers, and protobuf's library
wants all of it in memory at once: for a file of 243,861,050 bytes it takes 0.3 s before the first
tensor can be read and 698 MB beyond the interpreter at its peak (protobuf 7.36.2, upb), even with
the numbers declared as bytes. So the file is walked here, field by field: payloads are stepped
over, and only their places are noted. What is left goes to the library. The same file then takes
1 ms, and no measurable memory.

The walk checks everything that the library would, and more, so that a hostile file can cost
neither time nor memory: see `read_message`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.protobuf.schema import PAYLOAD
from alexnet_cy.weights.protobuf.spans import Span

if TYPE_CHECKING:
    from alexnet_cy.weights.files import WeightsFile
    from alexnet_cy.weights.protobuf.schema import Field, Schema

__all__ = [
    "MAX_DEPTH",
    "MAX_FIELDS",
    "MAX_MESSAGE_BYTES",
    "encode_key",
    "encode_varint",
    "read_message",
]

# protobuf.dev, "Encoding": the wire types. 3 and 4 begin and end a group, a deprecated construct
# that nests without a length.
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
FIXED_BYTES = {FIXED64: 8, FIXED32: 4}

_WIRE_TYPES = {
    "int64": VARINT,
    "uint64": VARINT,
    "bool": VARINT,
    "float": FIXED32,
    "double": FIXED64,
    "string": LENGTH,
    "bytes": LENGTH,
}

MAX_VARINT_BYTES = 10  # 64 bits, 7 at a time
MAX_FIELD_KEY = (1 << 32) - 1  # a field number of 29 bits and a wire type of 3
MAX_DEPTH = 10  # network, layer, blob, shape: 4; ONNX's model, graph, node, If, and its branch: 9
MAX_FIELDS = 100_000  # an AlexNet has about 300 in Caffe, 500 in ONNX
MAX_MESSAGE_BYTES = 4 << 20  # what is left without payloads; an AlexNet has about 4 KiB

_WINDOW_BYTES = 4096
_RUN_RECORDS = 1 << 17  # 640 KB of floats with their keys


def read_message(file: WeightsFile, schema: Schema, name: str) -> Any:
    """Read the one message that a file holds, without its payloads.

    Parameters
    ----------
    file : WeightsFile
        The file.
    schema : Schema
        What is known of the messages. Fields that it does not know are stepped over.
    name : str
        The message of the schema that the file is.

    Returns
    -------
    protobuf message
        In each field of the kind `PAYLOAD`, a list: not the numbers but one ``Span.encode()`` for
        every block of them. All else as the library reads it: of a scalar that comes twice the
        last one holds.

    Raises
    ------
    WeightsError
        The file is no such message: a varint of more than 64 bits or 10 bytes; field number 0 or
        a key of more than 32 bits; a group; a length beyond the end of the enclosing message; a
        known field in an encoding that it cannot have; text that is not UTF-8; a message that is
        no list, twice; more than `MAX_DEPTH` messages within each other, `MAX_FIELDS` fields, or
        `MAX_MESSAGE_BYTES` without the payloads.
    """
    from google.protobuf.message import DecodeError

    skeleton = _Walker(file, schema).message(0, file.size_bytes, name, depth=1)
    message = schema.message_class(name)()
    try:
        message.ParseFromString(skeleton)
    except DecodeError as error:
        raise WeightsError(f"{file.path!r}: corrupt protobuf: {error}") from error
    return message


def encode_varint(value: int) -> bytes:
    """Return a non-negative integer as protobuf writes it: 7 bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_key(number: int, wire_type: int = LENGTH) -> bytes:
    """Return what stands before a field: its number and its wire type."""
    return encode_varint(number << 3 | wire_type)


class _Walker:
    """One walk over a file: copies what is small, notes where payloads are."""

    def __init__(self, file: WeightsFile, schema: Schema) -> None:
        self._file = file
        self._schema = schema
        self._fields = 0
        self._copied_bytes = 0
        self._window = b""
        self._window_start = 0

    def message(self, start: int, end: int, name: str, depth: int) -> bytes:
        """Return the message in the bytes from `start` to `end`, with spans for payloads."""
        if depth > MAX_DEPTH:
            self._fail(start, f"more than {MAX_DEPTH} messages within each other")
        fields = self._schema.fields[name]
        parts: list[bytes] = []
        seen: set[int] = set()
        position = start
        while position < end:
            key_start = position
            key, position = self._varint(position, end)
            number, wire_type = key >> 3, key & 7
            if number == 0 or key > MAX_FIELD_KEY:
                self._fail(key_start, f"there is no field number {number}")
            value, position = self._value(key_start, position, end, wire_type)
            field = fields.get(number)
            if field is not None:
                if field.is_message and not field.repeated and number in seen:
                    self._fail(key_start, f"{name}.{field.name} comes twice")
                seen.add(number)
                parts.append(self._copy(name, field, wire_type, value, depth))
        return b"".join(parts)

    def _value(self, key_start: int, start: int, end: int, wire_type: int) -> tuple[Span, int]:
        """Find where a field's value lies, and where the next field begins.

        A run of fixed-size numbers under the same key is one value: a tensor may be written so,
        and may have 37,748,736 of them.
        """
        self._count_field(key_start)
        if wire_type == VARINT:
            _, after = self._varint(start, end)
            return Span(start, after - start), after
        if wire_type == LENGTH:
            length, start = self._varint(start, end)
            self._check_end(start + length, end)
            return Span(start, length), start + length
        if wire_type in FIXED_BYTES:
            key_bytes, element_bytes = start - key_start, FIXED_BYTES[wire_type]
            self._check_end(start + element_bytes, end)
            stored_bytes = self._run_bytes(key_start, key_bytes, element_bytes, end)
            span = Span(key_start, stored_bytes, key_bytes, element_bytes)
            return span, key_start + stored_bytes
        self._fail(key_start, f"wire type {wire_type}")

    def _run_bytes(self, start: int, key_bytes: int, element_bytes: int, end: int) -> int:
        """Return the length of a run of fields that have the key of the first one."""
        key = self._bytes(start, key_bytes)
        record_bytes = key_bytes + element_bytes
        most = (end - start) // record_bytes
        count = 1
        step = 16  # small at first: nearly all fields stand alone
        while count < most:
            step = min(8 * step, _RUN_RECORDS, most - count)
            position = start + count * record_bytes
            if self._bytes(position, key_bytes) != key:
                break
            data = self._file.read_bytes(position, step * record_bytes)
            records = np.frombuffer(data, np.uint8).reshape(step, record_bytes)
            others = (records[:, :key_bytes] != np.frombuffer(key, np.uint8)).any(axis=1)
            if others.any():
                count += int(others.argmax())
                break
            count += step
        return count * record_bytes

    def _copy(self, name: str, field: Field, wire_type: int, value: Span, depth: int) -> bytes:
        """Return a known field as the library shall see it."""
        where = f"{name}.{field.name}"
        if wire_type not in _accepted_wire_types(field):
            self._fail(value.offset_bytes, f"{where} has wire type {wire_type}")
        if field.kind == PAYLOAD:
            return self._frame(field, value.encode())
        if field.is_message:
            start, end = value.offset_bytes, value.offset_bytes + value.stored_bytes
            return self._frame(field, self.message(start, end, field.kind, depth + 1))
        self._count_copied(value.stored_bytes)
        data = self._bytes(value.offset_bytes, value.stored_bytes)
        if field.kind == "string":
            try:
                data.decode()
            except UnicodeDecodeError:
                self._fail(value.offset_bytes, f"{where} is not UTF-8")
        if wire_type == LENGTH:
            return encode_key(field.number) + encode_varint(len(data)) + data
        # The keys of a run of fixed-size numbers are part of the span.
        return data if value.key_bytes else encode_key(field.number, wire_type) + data

    def _frame(self, field: Field, data: bytes) -> bytes:
        self._count_copied(len(data) if field.kind == PAYLOAD else 0)
        return encode_key(field.number) + encode_varint(len(data)) + data

    def _varint(self, start: int, end: int) -> tuple[int, int]:
        """Read the varint at `start`; return its value and where it ends."""
        value = 0
        data = self._bytes(start, min(MAX_VARINT_BYTES, end - start))
        for i, byte in enumerate(data):
            value |= (byte & 0x7F) << 7 * i
            if byte < 0x80:
                if value >> 64:
                    self._fail(start, "a varint of more than 64 bits")
                return value, start + i + 1
        if len(data) == MAX_VARINT_BYTES:
            self._fail(start, f"a varint of more than {MAX_VARINT_BYTES} bytes")
        self._fail(start, "a varint that does not end")

    def _bytes(self, start: int, count: int) -> bytes:
        """Return a few bytes, from a window that moves over the file."""
        first = start - self._window_start
        if first < 0 or first + count > len(self._window):
            window_bytes = max(count, min(_WINDOW_BYTES, self._file.size_bytes - start))
            self._window = self._file.read_bytes(start, window_bytes)
            self._window_start = start
            first = 0
        return self._window[first : first + count]

    def _check_end(self, position: int, end: int) -> None:
        if position > end:
            self._fail(end, f"a field goes {position - end} bytes beyond the end of its message")

    def _count_field(self, position: int) -> None:
        self._fields += 1
        if self._fields > MAX_FIELDS:
            self._fail(position, f"more than {MAX_FIELDS} fields")

    def _count_copied(self, count_bytes: int) -> None:
        self._copied_bytes += count_bytes
        if self._copied_bytes > MAX_MESSAGE_BYTES:
            self._fail(self._window_start, f"more than {MAX_MESSAGE_BYTES} bytes beside its arrays")

    def _fail(self, position: int, problem: str) -> NoReturn:
        raise WeightsError(
            f"{self._file.path!r}: truncated, corrupt, or no {self._schema.package} file: "
            f"{problem}, at byte {position}"
        )


def _accepted_wire_types(field: Field) -> tuple[int, ...]:
    """Return the wire types that a known field may have."""
    if field.kind == PAYLOAD:
        return (LENGTH, FIXED32, FIXED64)
    if field.is_message:
        return (LENGTH,)
    own = _WIRE_TYPES[field.kind]
    return (own, LENGTH) if field.repeated else (own,)
