"""Npy: pickles that ask for more than arrays, or describe arrays that are none."""

from __future__ import annotations

import io
import os
import pickle
import struct
import textwrap
import tracemalloc

import numpy as np
import pytest
from synthesis.programs.numpy_pickles import (
    APPEND,
    BUILD,
    DICT,
    GET,
    LIST,
    MARK,
    NONE,
    PROTO,
    PUT,
    SETITEM,
    STOP,
    TRUE,
    TUPLE1,
    TUPLE2,
    array,
    call,
    data_bytes,
    dtype,
    file_of,
    file_with,
    integer,
    name,
    object_array,
    text,
)
from synthesis.seed_files.npy import npy_bytes

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays import npy


@pytest.fixture
def read(tmp_path):
    """Read bytes as an npy file."""

    def read_bytes(data):
        path = tmp_path / "network.npy"
        path.write_bytes(data)
        return npy.read(path)

    return read_bytes


class Exploit:
    """Runs a command when it is unpickled."""

    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


def nested_tuples(depth):
    """A tuple of two tuples of two ..., which takes 2**depth steps to hash."""
    made = b")" + PUT + b"\0"
    for level in range(depth):
        made += (GET + bytes([level])) * 2 + TUPLE2 + PUT + bytes([level + 1])
    return made


def plain_array(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


HOSTILE = {
    # Code.
    "os.system": npy_bytes(pickle.dumps(Exploit(os.system, "true"), protocol=2)),
    "os.system in the dict": file_with(call(name("os", "system"), text("true"))),
    "eval": file_with(call(name("builtins", "eval"), text("1"))),
    "eval of Python 2": file_with(call(name("__builtin__", "eval"), text("1"))),
    "a path through numpy": file_with(call(name("numpy.testing", "runstring"), text("1"), DICT)),
    "a longer path": file_with(call(name("numpy", "core.multiarray._reconstruct"))),
    "STACK_GLOBAL": npy_bytes(b"\x80\x04" + text("os") + text("system") + b"\x93" + STOP),
    "INST": file_with(MARK + text("true") + b"ios\nsystem\n"),
    "OBJ": file_with(MARK + name("os", "system") + text("true") + b"o"),
    "NEWOBJ": file_with(name("numpy", "ndarray") + b")" + b"\x81"),
    "NEWOBJ_EX": file_with(name("numpy", "ndarray") + b")" + DICT + b"\x92"),
    "EXT1": file_with(b"\x82\x01"),
    "PERSID": file_with(b"P0\n"),
    "BINPERSID": file_with(integer(0) + b"Q"),
    "BINPERSID of a payload": file_with(array() + b"0" + integer(0) + b"Q"),
    "NEXT_BUFFER": file_with(b"\x97"),
    "calling an array": file_with(call(array(), text("x"))),
    "calling a name": file_with(call(text("system"), text("x"))),
    "calling ndarray": file_with(call(name("numpy", "ndarray"), integer(2))),
    "BUILD of a dict": file_with(DICT + DICT + BUILD),
    "BUILD of a name": file_with(name("numpy", "ndarray") + DICT + BUILD),
    "BUILD of ndarray's attributes": file_with(
        call(name("_codecs", "encode"), text("x"), text("latin1")) + DICT + BUILD
    ),
    "another codec": file_with(call(name("_codecs", "encode"), text("x"), text("rot13"))),
    "_frombuffer": file_with(call(name("numpy.core.numeric", "_frombuffer"), data_bytes(bytes(8)))),
    "scalar": file_with(
        call(name("numpy.core.multiarray", "scalar"), dtype(), data_bytes(bytes(4)))
    ),
    # Arrays that are none.
    "no state": file_with(
        call(
            name("numpy.core.multiarray", "_reconstruct"),
            name("numpy", "ndarray"),
            integer(0) + TUPLE1,
            data_bytes(b"b"),
        )
    ),
    "another class": file_with(
        call(
            name("numpy.core.multiarray", "_reconstruct"),
            name("numpy", "dtype"),
            integer(0) + TUPLE1,
            data_bytes(b"b"),
        )
    ),
    "two states": file_with(array() + DICT + BUILD),
    "a state of two": file_with(array().removesuffix(BUILD) + NONE + TUPLE2 + BUILD),
    "version 2": file_with(array(version=2)),
    "too few bytes": file_with(array((3,))),
    "too many bytes": file_with(array((1,))),
    "4 TiB declared": file_with(array((1 << 30, 1 << 10))),
    "negative size": file_with(array((-2,))),
    "two negative sizes": file_with(array((-1, -2))),
    "no elements": file_with(array((0, 3), data=data_bytes(b""))),
    "five axes": file_with(array((1, 1, 1, 1, 2))),
    "no axes": file_with(array((), data=data_bytes(bytes(4)))),
    "forty axes": file_with(array((1,) * 39 + (2,))),
    "shape of text": file_with(array().replace(integer(2), text("2"))),
    "shape as bool": file_with(array().replace(integer(2), TRUE)),
    "data that are a list": file_with(array(data=LIST)),
    "data that are an array": file_with(array(data=array())),
    "data that are a number": file_with(array(data=integer(8))),
    "data that are no bytes": file_with(array(data=text("\u20ac" * 8))),
    "structure": file_with(array(dtype_code=dtype("V4", "|"))),
    "fields": file_with(
        array(
            dtype_code=dtype(
                state=(
                    integer(3),
                    text("<"),
                    NONE,
                    text("a") + TUPLE1,
                    DICT + text("a") + dtype() + integer(0) + TUPLE2 + SETITEM,
                    *[integer(-1)] * 3,
                )
            )
        )
    ),
    "int8": file_with(array((8,), dtype("i1", "|"))),
    "complex": file_with(array((1,), dtype("c8"))),
    "long double": file_with(array((1,), dtype("f16"))),
    "a type with a comma": file_with(array((1,), dtype("f4,f4"))),
    "an unknown byte order": file_with(array(dtype_code=dtype(order="!"))),
    "a type without state": file_with(array(dtype_code=call(name("numpy", "dtype"), text("f4")))),
    "a type's version 9": file_with(array(dtype_code=dtype(version=9))),
    "two states of a type": file_with(array(dtype_code=dtype() + DICT + BUILD)),
    "a type that is text": file_with(array(dtype_code=text("f4"))),
    "objects in an array": file_with(array((2,), dtype("O8", "|"), LIST)),
    "an object array of numbers": file_with(object_array(integer(1), (1,))),
    # Dicts that are none.
    "no dict": npy_bytes(PROTO + NONE + STOP),
    "a list": file_of(LIST),
    "an array itself": file_of(array()),
    "an array of no objects": npy_bytes(PROTO + array((0,), dtype("O8", "|"), LIST) + STOP),
    "a number as a layer": file_of(DICT + text("conv1") + integer(1) + SETITEM),
    "a layer of three arrays": file_of(
        DICT + text("conv1") + LIST + (array() + APPEND) * 3 + SETITEM
    ),
    "a layer in a layer": file_of(
        DICT + text("conv1") + DICT + text("a") + DICT + SETITEM + SETITEM
    ),
    "a layer named by a number": file_of(DICT + integer(1) + array() + SETITEM),
    "a layer named by an array": file_of(DICT + array() + array() + SETITEM),
    "a long name": file_of(DICT + text("a" * 300) + array() + SETITEM),
    "a long name in bytes": file_of(DICT + data_bytes(b"a" * 300) + array() + SETITEM),
    "a name in bytes and in text": file_of(
        DICT + text("a") + array() + SETITEM + data_bytes(b"a") + array() + SETITEM
    ),
    "two names of one tensor": file_of(
        DICT + text("conv1/b") + array() + SETITEM + text("conv1.bias") + array() + SETITEM
    ),
    "a dict that holds itself": file_of(DICT + PUT + b"\0" + text("conv1") + GET + b"\0" + SETITEM),
    "a list that holds itself": file_of(
        DICT + text("conv1") + LIST + PUT + b"\0" + GET + b"\0" + APPEND + SETITEM
    ),
    # Sizes and counts.
    "a string of 4 GiB": file_with(b"B\xff\xff\xff\xff"),
    "a string of 2**63 bytes": npy_bytes(b"\x80\x04\x8e" + struct.pack("<Q", 1 << 63) + STOP),
    "a string of -1 bytes": file_with(b"T\xff\xff\xff\xff"),
    "an integer of 2 GiB": file_with(b"\x8b\xff\xff\xff\x7f"),
    "a frame of 2**63 bytes": npy_bytes(b"\x80\x04\x95" + struct.pack("<Q", 1 << 63) + b"N."),
    "memo entry 2**31": file_with(NONE + b"r\xff\xff\xff\x7f"),
    "memo entry that is not there": file_with(GET + b"\x07"),
    "100,000 opcodes": npy_bytes(PROTO + b"N0" * 60_000 + NONE + STOP),
    "100,000 frames": npy_bytes(b"\x80\x04" + (b"\x95" + bytes(8)) * 100_001 + NONE + STOP),
    "2 MiB of names": npy_bytes(PROTO + (text("a" * 4000) + b"0") * 600 + NONE + STOP),
    "100,000 marks": npy_bytes(PROTO + MARK * 90_000 + STOP),
    "nested 10,000 deep": npy_bytes(PROTO + LIST * 5000 + APPEND * 4999 + STOP),
    "tuples 10,000 deep": npy_bytes(PROTO + b")" + TUPLE1 * 10_000 + STOP),
    # The stream.
    "nothing": npy_bytes(b""),
    "no STOP": npy_bytes(PROTO + NONE),
    "an empty stack": npy_bytes(PROTO + STOP),
    "bytes behind STOP": npy_bytes(PROTO + NONE + STOP + b"more"),
    "an opcode that is none": npy_bytes(PROTO + b"\xff" + STOP),
    "protocol 0": npy_bytes(pickle.dumps({"conv1": 1.5}, protocol=0)),
    "protocol 9": npy_bytes(b"\x80\x09" + NONE + STOP),
    "a line without end": file_with(b"c" + b"a" * 1000),
    "text that is no UTF-8": file_with(b"X\x02\x00\x00\x00\xff\xfe"),
    # The header.
    "a single array": plain_array(np.zeros((3, 256, 256))),
    "a structure with objects": npy_bytes(PROTO + NONE + STOP).replace(b"'|O'", b"'O,O'"),
    "a header of 4 GiB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
    "version 9.9": b"\x93NUMPY\x09\x09" + npy_bytes(b"")[8:],
    "a header that is code": npy_bytes(b"").replace(b"'|O'", b"f(1)"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", HOSTILE)
def test_what_asks_for_more_than_arrays_is_refused(read, case, monkeypatch):
    def forbidden(*arguments):
        raise AssertionError("the file ran a command")

    monkeypatch.setattr(os, "system", forbidden)
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError) as caught:
            read(HOSTILE[case])
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 1000
    assert peak_bytes < 64 << 20


def test_a_key_that_takes_forever_to_hash_is_refused(tmp_path, run_python):
    # In a process of its own: the hash is computed in C, and nothing interrupts it.
    path = tmp_path / "network.npy"
    path.write_bytes(npy_bytes(PROTO + DICT + nested_tuples(60) + NONE + SETITEM + STOP))
    script = f"""
        from alexnet_cy.errors import WeightsError
        from alexnet_cy.weights.arrays import npy
        try:
            npy.read({str(path)!r})
        except WeightsError:
            print("refused")
    """
    done = run_python("-c", textwrap.dedent(script))
    assert done.stdout == "refused\n", done.stderr


def test_a_mean_image_is_named_for_what_it_is(read):
    with pytest.raises(WeightsError, match=r"a single array of float64 and shape \(3, 256, 256\)"):
        read(HOSTILE["a single array"])


def test_a_reason_from_below_is_kept(read):
    with pytest.raises(WeightsError, match=r"os\.system") as caught:
        read(HOSTILE["os.system in the dict"])
    assert isinstance(caught.value.__cause__, pickle.UnpicklingError)
