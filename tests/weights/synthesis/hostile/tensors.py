"""Hostile descriptions of tensors in ``.pth`` files, and pickles that would take long or much.

`CORPUS` maps a name to the bytes of a file and a pattern that the message of the WeightsError
matches.
"""

from __future__ import annotations

import struct

from synthesis.programs.pickle_code import (
    PROTOCOL,
    archive,
    name,
    number,
    state,
    storage,
    tensor,
    text,
)


def _tensors() -> dict[str, tuple[bytes, str]]:
    """Return files whose tensors and storages do not fit together."""
    float_kind = name("torch", "FloatStorage")
    persistent = b"(" + text("storage") + float_kind + text("0") + text("cpu")
    pair = b"K\x02K\x03\x86"
    damaged = {
        "a storage declared larger": (tensor(base=storage(b"K\x07")), "has 24 bytes; 7 numbers"),
        "a storage declared smaller": (
            tensor(base=storage(b"K\x05"), shape=b"K\x05\x85", strides=b"K\x01\x85"),
            "has 24 bytes; 5 numbers",
        ),
        "a storage of another type": (
            tensor(base=storage(kind=name("torch", "DoubleStorage"))),
            "6 numbers of type F64 need 48",
        ),
        "a storage of 2**62 elements": (tensor(base=storage(number(1 << 62))), "has 24 bytes"),
        "a storage of 2**64 elements": (tensor(base=storage(number(1 << 64))), "expected a number"),
        "a storage of -6 elements": (tensor(base=storage(number(-6))), "expected a number"),
        "a storage of True elements": (tensor(base=storage(b"\x88")), "got True"),
        "a storage of 6.0 elements": (
            tensor(base=storage(b"G" + struct.pack(">d", 6.0))),
            r"got 6\.0",
        ),
        "one element too many": (tensor(offset=b"K\x01"), "reaches element 6 of a storage of 6"),
        "an offset of -1": (tensor(offset=number(-1)), "offset: expected a number"),
        "an offset of 2**62": (tensor(offset=number(1 << 62)), "reaches element"),
        "an offset that is text": (tensor(offset=text("0")), "offset: expected a number"),
        "a shape too large": (tensor(shape=b"K\x03K\x03\x86"), "reaches element 8"),
        "a shape of -1": (tensor(shape=number(-1) + b"K\x03\x86"), "shape: expected a number"),
        "a shape of True": (tensor(shape=b"\x88K\x03\x86"), "got True"),
        "a shape that is a list": (tensor(shape=b"]"), "got a list"),
        "a shape of 9 axes": (
            tensor(shape=b"(" + 9 * b"K\x01" + b"t", strides=b"(" + 9 * b"K\x01" + b"t"),
            "at most 8",
        ),
        "shape and strides that differ": (tensor(strides=b"K\x01\x85"), "with strides"),
        "negative strides": (
            tensor(offset=b"K\x05", strides=number(-3) + number(-1) + b"\x86"),
            "strides: expected a number",
        ),
        "strides that overflow": (
            tensor(strides=number((1 << 63) - 1) + b"K\x01\x86"),
            "reaches element",
        ),
        "a tensor expanded to 2**40 elements": (
            tensor(shape=number(1 << 20) + number(1 << 20) + b"\x86", strides=b"K\x00K\x00\x86"),
            "is expanded from a storage of 6",
        ),
        "a tensor on a tensor": (tensor(base=tensor()), "which is no storage"),
        "a tensor on text": (tensor(base=text("0")), "which is no storage"),
        "a tensor with a negative bit": (
            tensor(rest=b"\x89N}" + text("neg") + b"\x88s"),
            "conjugate or negative",
        ),
        "a tensor with too few arguments": (
            name("torch._utils", "_rebuild_tensor_v2") + b"(" + storage() + b"tR",
            "missing 3 required",
        ),
        "a parameter on a dict": (
            name("torch._utils", "_rebuild_parameter") + b"}\x88N\x87R",
            "which is no tensor",
        ),
        "a storage that is not there": (
            tensor(base=storage().replace(text("0"), text("../../etc/passwd"))),
            "there is no member",
        ),
        "a persistent id that is text": (text("storage") + b"Q", "persistent id"),
        "a persistent id that is short": (b"(" + text("storage") + b"tQ", "persistent id"),
        "a persistent id of a list": (b"](" + text("storage") + b"eQ", "persistent id"),
        "a persistent id with a number for a key": (
            b"(" + text("storage") + float_kind + b"K\x00" + text("cpu") + b"K\x06tQ",
            "persistent id",
        ),
        "a persistent id of a module": (
            b"(" + text("module") + text("x") + text("x.py") + text("source") + b"tQ",
            "expected the persistent id of a storage",
        ),
        "one storage of two sizes": (
            storage(b"K\x05") + storage() + b"\x86",
            "is declared as 5 F32 and as 6 F32",
        ),
        "one storage of two types": (
            storage() + storage(kind=name("torch", "IntStorage")) + b"\x86",
            "is declared as 6 F32 and as 6 I32",
        ),
        "a view beyond its storage": (
            tensor(base=persistent + b"K\x06" + text("v") + b"K\x01K\x06\x87tQ"),
            "does not lie within",
        ),
        "a view that is no tuple": (
            tensor(base=persistent + b"K\x06K\x01tQ", shape=pair),
            "does not lie within",
        ),
        "a view of -1": (
            tensor(base=persistent + b"K\x06" + text("v") + number(-1) + b"K\x06\x87tQ"),
            "view: expected a number",
        ),
    }
    return {what: (archive(state(code)), pattern) for what, (code, pattern) in damaged.items()}


def _exhaustion() -> dict[str, tuple[bytes, str]]:
    """Return small files that would take long, or much memory, or the stack."""
    int_put = b"r" + struct.pack("<I", 0x7FFFFFFF)
    new_dict = name("collections", "OrderedDict")
    pairs = b"](" + b"".join(b"]" + text(f"k{i}") + b"aNa" for i in range(2000)) + b"eq\x00"
    modulus = (1 << 61) - 1  # integers hash to themselves modulo this prime
    collisions = b"".join(number(modulus * i) + b"N" for i in range(1, 4500))
    # Each tuple holds the one before it twice: its repr has 2**50 brackets.
    doubled = b")q\x00" + b"".join(b"h%c\x86q%c" % (i, i + 1) for i in range(50))
    codes = {
        "a memo index of 2**31": (b"N" + int_put, "memo index 2147483647"),
        "a memo index never written": (b"h\x07", "memo index 7 was never written"),
        "100,001 opcodes": (b"N" + b"q\x00" * 100_001, "more than 100000 opcodes"),
        "a stack of 20,000": (b"N" * 20_000, "more than 10000 values"),
        "a tuple nested 20,000 deep as a key": (b"}" + b")" + b"\x85" * 20_000 + b"Ns", "nested"),
        "4,499 keys that collide": (b"}(" + collisions + b"u", "more than 4096 dict items"),
        "a list of pairs made a dict again and again": (
            pairs + (new_dict + b"h\x00\x85R") * 3,
            "more than 4096 dict items",
        ),
        "an OrderedDict of a dict": (new_dict + b"}\x85R", "OrderedDict of a dict"),
        "an OrderedDict of numbers": (new_dict + b"]K\x01a\x85R", "pairs"),
        "an OrderedDict with tuples as keys": (new_dict + b"](])aNae\x85R", "pairs"),
        "2**50 brackets in a message": (doubled + b"Q", "expected the persistent id .* a tuple"),
        "text of 2 MB": (text("x" * 2_000_000), "a pickle without any NumPy arrays"),
        "text of 4 GiB": (b"X\xff\xff\xff\xff", "garbled|expected"),
        "bytes that are not UTF-8": (b"X\x02\x00\x00\x00\xff\xfe", "can't decode|utf"),
        "Python 2 text that is not UTF-8": (b"U\x02\xff\xfe", "can't decode|utf"),
        "a frame of 2**63 bytes": (
            b"\x95" + struct.pack("<Q", 1 << 63) + b"N",
            "frame|garbled|exhausted|exceeds",
        ),
        "SETITEMS without a mark": (b"}NNu", "no MARK"),
        "an odd number of items": (b"}(Nu", "odd number"),
        "SETITEM on an empty stack": (b"Ns", "the stack is empty"),
        "a mark in the memo": (b"(q\x00", "the stack is empty"),
        "protocol 0": (b"\x80\x00N", "protocol 0; 2 to 5"),
        "protocol 6": (b"\x80\x06N", "protocol 6; 2 to 5"),
    }
    corpus = {what: (archive(state(code)), pattern) for what, (code, pattern) in codes.items()}
    corpus["a pickle of more than 1 MiB"] = (
        archive(PROTOCOL + b"N0" * (1 << 19) + b"N."),
        "more than 100000 opcodes",
    )
    corpus["an empty pickle"] = (archive(b""), "garbled|cannot be read")
    corpus["a second pickle"] = (archive(state(tensor()) + b"N."), "goes on after")
    return corpus


CORPUS = {**_tensors(), **_exhaustion()}
