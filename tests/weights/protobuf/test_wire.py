"""The walk over protobuf files: what it finds, and what it refuses."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from synthesis.programs.caffe_proto import new

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.protobuf.schema import PAYLOAD, Field, Schema
from alexnet_cy.weights.protobuf.spans import Span, count_elements, spans_tensor
from alexnet_cy.weights.protobuf.wire import (
    MAX_DEPTH,
    MAX_FIELDS,
    MAX_MESSAGE_BYTES,
    encode_key,
    encode_varint,
    read_message,
)

if TYPE_CHECKING:
    from pathlib import Path

VARINT, FIXED64, GROUP, END_GROUP, FIXED32 = 0, 1, 3, 4, 5

TREE = Schema(
    "tree",
    {
        "Node": (
            Field("name", 1, "string"),
            Field("child", 2, "Node"),
            Field("leaf", 3, "Leaf", repeated=True),
            Field("size", 4, "int64"),
            Field("numbers", 5, PAYLOAD),
            Field("sizes", 6, "int64", repeated=True),
            Field("weight", 7, "float"),
            Field("doubles", 8, PAYLOAD),
        ),
        "Leaf": (Field("name", 1, "string"),),
    },
)


def frame(number: int, data: bytes) -> bytes:
    """Return a field with a length."""
    return encode_key(number) + encode_varint(len(data)) + data


def read(directory: Path, data: bytes) -> Any:
    path = directory / "message"
    path.write_bytes(data)
    return read_message(open_file(path), TREE, "Node")


def numbers_in(directory: Path, data: bytes, dtype: str) -> np.ndarray:
    message = read(directory, data)
    spans = [Span.decode(record) for record in (*message.numbers, *message.doubles)]
    shape = (count_elements(spans, dtype),)
    return spans_tensor(open_file(directory / "message"), spans, dtype, shape).read()


floats = st.lists(st.floats(width=32, allow_nan=False), max_size=40)


@given(
    pieces=st.lists(st.tuples(st.booleans(), floats), max_size=4),
    unknown=st.binary(max_size=20),
    name=st.text(),
    double=st.booleans(),
)
@example(pieces=[(False, [1.0] * 700), (True, [2.0] * 700)], unknown=b"", name="", double=False)
@example(pieces=[(False, [1.0] * 700), (False, [2.0] * 700)], unknown=b"", name="", double=True)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_are_those_that_the_library_reads(
    tmp_path: Path,
    pieces: list[tuple[bool, list[float]]],
    unknown: bytes,
    name: str,
    double: bool,
) -> None:
    kinds = {True: "FloatBlobProto", False: "UnpackedBlobProto"}
    field = "double_data" if double else "data"
    blobs = [new(kinds[packed], **{field: values}).SerializeToString() for packed, values in pieces]
    between = frame(77, unknown) + frame(1, name.encode())
    data = between + between.join(blobs)
    expected = new("FloatBlobProto").FromString(b"".join(blobs))
    found = numbers_in(tmp_path, data, "F64" if double else "F32")
    np.testing.assert_array_equal(found, np.array(getattr(expected, field), np.float32))
    assert read(tmp_path, data).name == name


@given(st.binary(max_size=200))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_message_or_refused(tmp_path: Path, data: bytes) -> None:
    try:
        read(tmp_path, data or b"\0")
    except WeightsError:
        pass


def test_a_run_of_numbers_ends_where_another_field_stands(tmp_path: Path) -> None:
    number = encode_key(5, FIXED32) + np.float32(3).tobytes()
    for count in (1, 2, 127, 128, 129, 1152, 1153):
        data = number * count + frame(1, b"behind") + number
        np.testing.assert_array_equal(numbers_in(tmp_path, data, "F32"), np.full(count + 1, 3))


def test_keys_that_are_longer_than_need_be(tmp_path: Path) -> None:
    number = b"\xad\x80\x00" + np.float32(3).tobytes()  # field 5 in three bytes
    np.testing.assert_array_equal(numbers_in(tmp_path, number * 20, "F32"), np.full(20, 3))


def test_numbers_of_another_width_are_refused(tmp_path: Path) -> None:
    doubles = encode_key(8, FIXED64) + np.float64(3).tobytes()
    with pytest.raises(ValueError, match="8 bytes where 4"):
        numbers_in(tmp_path, doubles, "F32")
    with pytest.raises(ValueError, match="7 bytes are no whole number"):
        numbers_in(tmp_path, frame(5, b"1234567"), "F32")


def test_double_beyond_float_becomes_infinity_without_a_warning(tmp_path: Path) -> None:
    huge = np.float64(1e300).tobytes()
    for data in (frame(8, huge), encode_key(8, FIXED64) + huge):
        assert numbers_in(tmp_path, data, "F64").tolist() == [np.inf]


def test_of_a_scalar_the_last_one_holds(tmp_path: Path) -> None:
    size = encode_key(4, VARINT)
    weight = encode_key(7, FIXED32)
    data = size + b"\x01" + size + b"\x02"
    data += weight + np.float32(1).tobytes() + weight + np.float32(2).tobytes()
    message = read(tmp_path, data + frame(1, b"a") + frame(1, b"b"))
    assert (message.size, message.weight, message.name) == (2, 2.0, "b")


def test_integers_packed_and_one_by_one(tmp_path: Path) -> None:
    one = encode_key(6, VARINT)
    data = one + b"\x01" + frame(6, b"\x02\xff\x01") + one + b"\x03"
    assert list(read(tmp_path, data).sizes) == [1, 2, 255, 3]


def test_integers_keep_64_bits(tmp_path: Path) -> None:
    size = encode_key(4, VARINT)
    assert read(tmp_path, size + encode_varint(2**32 + 3)).size == 2**32 + 3
    assert read(tmp_path, size + encode_varint(2**64 - 1)).size == -1


def test_unknown_fields_are_stepped_over(tmp_path: Path) -> None:
    unknown = (
        encode_key(2**29 - 1, VARINT) + encode_varint(2**64 - 1)
        + encode_key(90, FIXED32) + b"1234"
        + encode_key(91, FIXED64) + b"12345678"
        + frame(92, b"\xff" * 5000)
    )  # fmt: skip
    assert read(tmp_path, unknown + frame(1, b"name") + unknown).name == "name"


NAME = frame(1, b"name")
ATTACKS = {
    "a length of 4 GiB in a file of 6 bytes": (frame(1, b"")[:1] + encode_varint(2**32), "beyond"),
    "a length of 2**63": (NAME + b"\x1a" + encode_varint(2**63), "beyond"),
    "a length beyond the message around it": (frame(3, b"\x0a\x05abc") + NAME, "2 bytes beyond"),
    "a number beyond the message around it": (frame(2, b"\x3d\0\0\0") + NAME, "1 bytes beyond"),
    "a varint beyond the message around it": (frame(2, b"\x20\x80") + NAME, "does not end"),
    "a varint of 11 bytes": (b"\x20" + b"\x80" * 10 + b"\x01", "more than 10 bytes"),
    "a varint of 70 bits": (b"\x20" + b"\xff" * 9 + b"\x7f", "more than 64 bits"),
    "a varint that is cut off": (NAME + b"\x20\x80", "does not end"),
    "field number 0": (b"\x00\x01", "no field number 0"),
    "a field number of 30 bits": (encode_varint(1 << 32) + b"\x01", "no field number"),
    "a group": (encode_key(9, GROUP) + encode_key(9, END_GROUP), "wire type 3"),
    "the end of a group": (encode_key(9, END_GROUP), "wire type 4"),
    "wire type 6": (encode_key(9, 6), "wire type 6"),
    "wire type 7 on a known field": (encode_key(1, 7), "wire type 7"),
    "text as a number": (encode_key(1, VARINT) + b"\x01", "Node.name has wire type 0"),
    "a message as a number": (encode_key(2, FIXED32) + b"1234", "Node.child has wire type 5"),
    "an integer with a length": (frame(4, b"\x01"), "Node.size has wire type 2"),
    "an array as a varint": (encode_key(5, VARINT) + b"\x01", "Node.numbers has wire type 0"),
    "a message twice": (frame(2, b"") + NAME + frame(2, b""), "Node.child comes twice"),
    "text that is no text": (frame(1, b"\xff\xfe"), "Node.name is not UTF-8"),
    "packed integers that do not end": (frame(6, b"\x80"), "corrupt protobuf"),
    "packed integers of 70 bits": (frame(6, b"\xff" * 10), "corrupt protobuf"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_attacks_are_refused(tmp_path: Path, attack: str) -> None:
    data, message = ATTACKS[attack]
    with pytest.raises(WeightsError, match=message):
        read(tmp_path, data)


def test_nesting_is_limited(tmp_path: Path) -> None:
    data = b""
    for _ in range(MAX_DEPTH - 1):
        data = frame(2, data)
    read(tmp_path, data)
    for _ in range(10_000):
        data = frame(2, data)
    with pytest.raises(WeightsError, match=f"more than {MAX_DEPTH} messages within each other"):
        read(tmp_path, data)


@pytest.mark.slow
def test_fields_are_limited(tmp_path: Path) -> None:
    read(tmp_path, b"\x58\x01" * MAX_FIELDS)
    for flood in (b"\x58\x01", b"\x1a\x00", b"\x5d1234\x65abcd"):
        with pytest.raises(WeightsError, match=f"more than {MAX_FIELDS} fields"):
            read(tmp_path, flood * (MAX_FIELDS + 1))


def test_what_is_kept_is_limited(tmp_path: Path) -> None:
    chunk = 1 << 20
    for data in (frame(1, b"a" * MAX_MESSAGE_BYTES), frame(6, b"\x01" * MAX_MESSAGE_BYTES)):
        read(tmp_path, data)
    for data in (
        frame(1, b"a" * (MAX_MESSAGE_BYTES + 1)),
        frame(1, b"a" * chunk) * (MAX_MESSAGE_BYTES // chunk + 1),
        frame(3, frame(1, b"a" * chunk)) * (MAX_MESSAGE_BYTES // chunk + 1),
    ):
        with pytest.raises(WeightsError, match=f"more than {MAX_MESSAGE_BYTES} bytes"):
            read(tmp_path, data)


def test_large_arrays_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "message"
    with open(path, "wb") as stream:
        stream.write(NAME + encode_key(5) + encode_varint(1 << 30))
        stream.truncate(stream.tell() + (1 << 30))  # a hole, which takes no room on the disk
    tracemalloc.start()
    try:
        message = read_message(open_file(path), TREE, "Node")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (span,) = (Span.decode(record) for record in message.numbers)
    assert span == Span(path.stat().st_size - (1 << 30), 1 << 30)
    assert peak_bytes < 1 << 20
