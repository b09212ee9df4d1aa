"""Hostile ONNX models: each by name, with what the error must say.

`CORPUS` maps a name to the bytes of a file and a pattern that the message of the WeightsError
matches.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from synthesis.programs.onnx_changes import changed, tensor

from alexnet_cy.weights.protobuf.wire import encode_key, encode_varint


def _tensors() -> dict[str, tuple[bytes, str]]:
    """Tensors whose numbers are elsewhere, too many, too few, or of another kind."""
    bias = np.zeros(4, np.float32)

    def external(**entries: str) -> Callable[[Any], None]:
        def change(message: Any) -> None:
            message.ClearField("raw_data")
            message.data_location = 1
            for key, value in entries.items():
                message.external_data.add(key=key, value=value)

        return change

    def set_dims(*dims: int) -> Callable[[Any], None]:
        def change(message: Any) -> None:
            del message.dims[:]
            message.dims.extend(dims)

        return change

    def set_type(data_type: int) -> Callable[[Any], None]:
        return lambda message: setattr(message, "data_type", data_type)

    def clear(message: Any) -> None:
        message.ClearField("raw_data")

    def replaced(data: bytes, field: str = "raw_data", data_type: int = 1) -> Callable[[Any], None]:
        def change(message: Any) -> None:
            message.ClearField("raw_data")
            message.data_type = data_type
            getattr(message, field).append(data)

        return change

    elsewhere = "only a file in the folder of the model is read"
    missing = "is not there: it belongs beside the model"
    changes: dict[str, tuple[Callable[[Any], None], str]] = {
        "external data": (external(location="weights.bin"), missing),
        "external data in /etc/passwd": (external(location="/etc/passwd"), elsewhere),
        "external data by ..": (external(location="../../etc/passwd"), elsewhere),
        "external data on drive C": (external(location="C:\\x"), elsewhere),
        "external data with a NUL": (external(location="a\0b"), elsewhere),
        "external data from -1": (
            external(location="x", offset="-1", length="16"),
            "offset '-1' of its numbers",
        ),
        "external data without a place": (
            lambda m: (external()(m), m.external_data.add(key="offset", value="0")),
            "no clear place",
        ),
        "external data of no file": (external(location=""), elsewhere),
        "external data in the folder": (external(location="."), elsewhere),
        "external data of another length": (
            external(location="x", length="99999"),
            "99999 bytes in another file, it needs 16",
        ),
        "external data from 10**30": (
            external(location="x", offset="1" + "0" * 30),
            "offset '1000",
        ),
        "external data with a key of its own": (external(location="x", run="y"), "no clear place"),
        "external data of 2**60 bytes": (
            lambda m: (external(location="x")(m), set_dims(1 << 58)(m)),
            "bytes in another file",
        ),
        "external data that says it is not": (
            lambda m: (external(location="x")(m), setattr(m, "data_location", 0)),
            "both here and in another file",
        ),
        "raw and external data": (
            lambda m: (external(location="x")(m), m.raw_data.append(bias.tobytes())),
            "both here and in another file",
        ),
        "segments": (lambda m: setattr(m, "segment", b"\x08\x01"), "cut into segments"),
        "numbers in two fields": (
            lambda m: m.float_data.append(bias.tobytes()),
            "numbers in several fields: float_data, raw_data",
        ),
        "raw data twice": (lambda m: m.raw_data.append(b""), "not one block"),
        "no numbers": (clear, r"0 numbers, its shape \(4,\) has 4"),
        "one number too few": (replaced(bytes(12)), "3 numbers, its shape"),
        "one byte too few": (replaced(bytes(15)), "15 bytes are no whole number"),
        "a size of -4": (set_dims(-4), r"shape \(-4,\)"),
        "sizes of -2 and -2": (set_dims(-2, -2), "shape"),
        "a size of 2**63 - 1": (set_dims((1 << 63) - 1), "numbers, its shape"),
        "sizes whose product wraps to 4": (set_dims((1 << 62) + 1, 4), "numbers, its shape"),
        "no axes": (set_dims(), r"4 numbers, its shape \(\) has 1"),
        "nine axes": (set_dims(4, *[1] * 8), "shape"),
        "a size of 0": (lambda m: (set_dims(0)(m), clear(m)), r"its bias has shape \(0,\)"),
        "text": (set_type(8), "elements of type number 8"),
        "bytes": (set_type(3), "elements of type number 3"),
        "no type": (set_type(0), "elements of type number 0"),
        "a negative type": (set_type(-1), "elements of type number -1"),
        "integers": (replaced(bytes(32), data_type=7), "type I64; weights are one of"),
        "doubles in float_data": (replaced(bytes(16), "float_data", 11), "F64 in float_data"),
        "floats in double_data": (replaced(bytes(32), "double_data"), "F32 in double_data"),
        "floats in int32_data": (replaced(bytes(4), "int32_data"), "F32 in int32_data"),
        "halves that need 17 bits": (
            replaced(b"\x80\x80\x04" + bytes(3), "int32_data", 10),
            "more than 16 bits",
        ),
        "halves that are negative": (
            replaced(b"\xff" * 9 + b"\x01" + bytes(2), "int32_data", 10),
            "more than 16 bits",
        ),
        "one half too few": (replaced(b"\x80\x01" + bytes(2), "int32_data", 10), "3 numbers"),
        "one half too many": (replaced(bytes(5), "int32_data", 10), "more numbers than"),
        "half a half": (replaced(bytes(4) + b"\x80", "int32_data", 10), "ends within a number"),
        "halves for 2**40 numbers": (
            lambda m: (replaced(bytes(4), "int32_data", 10)(m), set_dims(1 << 40)(m)),
            "4 bytes of int32_data",
        ),
        "halves one by one": (
            lambda m: (clear(m), set_type(10)(m), m.MergeFromString(b"\x28\x01" * 4)),
            "wire type 0|bytes of int32_data",
        ),
    }
    return {
        f"a bias: {what}": (changed(tensor("conv1_bias", change)), pattern)
        for what, (change, pattern) in changes.items()
    }


def _files() -> dict[str, tuple[bytes, str]]:
    """Files that are cut, garbled, or made to exhaust whoever reads them."""
    whole = changed(lambda writer: None)
    graph = encode_key(7)

    def framed(number: int, data: bytes) -> bytes:
        return encode_key(number) + encode_varint(len(data)) + data

    nested = b""
    for _ in range(10_000):
        nested = framed(7, nested)
    constants = b"".join(
        framed(1, framed(2, b"c%d" % i) + framed(4, b"Constant")) for i in range(10_000)
    )
    start = b"\x08\x07"
    chain = [b"data", *(b"i%d" % i for i in range(5_000))]
    identities = b"".join(
        framed(1, framed(1, a) + framed(2, b) + framed(4, b"Identity")) for a, b in pairwise(chain)
    )
    image = framed(11, framed(1, b"data"))
    last = framed(12, framed(1, chain[-1]))
    return {
        "nothing but a version": (start, "no version or no nodes"),
        "no version": (whole[2:], "no version or no nodes"),
        "no opset": (
            changed(lambda writer: writer.model.ClearField("opset_import")),
            "does not name its opset",
        ),
        "no nodes": (changed(lambda writer: writer.graph.ClearField("node")), "no nodes"),
        "two graphs": (whole + graph + b"\x00", "ModelProto.graph comes twice"),
        "a graph of 4 GiB": (start + graph + b"\xff\xff\xff\xff\x0f", "beyond the end"),
        "a graph of 2**64 - 1 bytes": (start + graph + b"\xff" * 9 + b"\x01", "beyond the end"),
        "a varint of 11 bytes": (b"\x08" + b"\xff" * 11, "more than 10 bytes"),
        "10,000 messages within each other": (start + nested, "truncated, corrupt|no nodes"),
        "a group": (start + b"\x3b\x3c", "wire type 3"),
        "10,000 nodes": (start + framed(7, constants) + framed(8, b"\x10\x0d"), "one input"),
        "5,000 identities": (
            start + framed(7, identities + image + last) + framed(8, b"\x10\x0d"),
            "no network that begins with a convolution",
        ),
        "101,000 empty nodes": (start + framed(7, b"\x0a\x00" * 101_000), "more than 100000"),
        "a name that is not UTF-8": (start + framed(7, framed(2, b"\xff\xfe")), "UTF-8"),
        "8 MB of text": (start + framed(2, b"x" * 8_000_000), "bytes beside its arrays"),
    }


CORPUS = {**_tensors(), **_files()}
