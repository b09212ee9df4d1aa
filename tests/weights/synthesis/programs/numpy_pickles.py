"""Pickles of arrays put together opcode by opcode, right ones and wrong ones."""

from __future__ import annotations

import struct

from synthesis.seed_files.npy import npy_bytes

# Opcodes, by the names that pickletools has for them, shortened.
PROTO, STOP, NONE, FALSE, TRUE = b"\x80\x02", b".", b"N", b"\x89", b"\x88"
MARK, TUPLE, TUPLE1, TUPLE2 = b"(", b"t", b"\x85", b"\x86"
DICT, LIST, SETITEM, APPEND = b"}", b"]", b"s", b"a"
REDUCE, BUILD, PUT, GET = b"R", b"b", b"q", b"h"


def text(value):
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def integer(value):
    return b"J" + struct.pack("<i", value)


def data_bytes(value):
    return b"B" + struct.pack("<I", len(value)) + value


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def call(function, *arguments):
    return function + MARK + b"".join(arguments) + TUPLE + REDUCE


def dtype(code="f4", order="<", version=3, state=None):
    made = call(name("numpy", "dtype"), text(code), FALSE, TRUE)
    if state is None:
        state = (integer(version), text(order), NONE, NONE, NONE, *[integer(-1)] * 2, integer(0))
    return made + MARK + b"".join(state) + TUPLE + BUILD


EIGHT_BYTES = data_bytes(bytes(8))


def array(shape=(2,), dtype_code=None, data=EIGHT_BYTES, version=1, fortran_order=FALSE):
    """The pickle of an array; every part can be replaced."""
    empty = call(
        name("numpy.core.multiarray", "_reconstruct"),
        name("numpy", "ndarray"),
        integer(0) + TUPLE1,
        data_bytes(b"b"),
    )
    sizes = MARK + b"".join(integer(size) for size in shape) + TUPLE
    kind = dtype() if dtype_code is None else dtype_code
    return empty + MARK + integer(version) + sizes + kind + fortran_order + data + TUPLE + BUILD


def object_array(item, shape=()):
    return array(shape, dtype("O8", "|"), LIST + item + APPEND)


def file_of(item):
    """An npy file whose object array holds this one object."""
    return npy_bytes(PROTO + object_array(item) + STOP)


def file_with(value):
    """An npy file whose dict has this value for "conv1"."""
    return file_of(DICT + text("conv1/b") + value + SETITEM)
