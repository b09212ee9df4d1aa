"""Hostile objects of foreign classes beside, or in the place of, a state dict.

`CORPUS` maps a name to the bytes of a file and a pattern that the message of the WeightsError
matches.
"""

from __future__ import annotations

import struct

from synthesis.hostile.pickles import COMMAND
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

NAMESPACE = name("argparse", "Namespace")
OBJECT = NAMESPACE + b")\x81"  # NEWOBJ
MODULE = name("torch.nn.modules.container", "Sequential") + b")\x81"


def module(contents: bytes) -> bytes:
    """Return code that pushes a module with these items in its ``_modules``."""
    return MODULE + b"}" + text("_modules") + b"}(" + contents + b"us" + b"b"


def _rooted(code: bytes) -> bytes:
    return archive(PROTOCOL + code + b".")


def _nested(depth: int) -> bytes:
    code = MODULE
    for _ in range(depth):
        code = module(text("0") + code)
    return code


_ARGUMENTS = text(COMMAND) + b"\x85"
_MAKERS = {
    "os.system": (name("os", "system"), "it names 'os.system', which runs programs"),
    "subprocess.Popen": (name("subprocess", "Popen"), "it names 'subprocess.Popen'"),
    "the maker of dicts": (name("collections", "OrderedDict"), "NEWOBJ class argument|type"),
    "the maker of tensors": (
        name("torch._utils", "_rebuild_tensor_v2"),
        "NEWOBJ class argument|type",
    ),
    "a storage class": (name("torch", "FloatStorage"), "NEWOBJ class argument|type"),
    "a tensor": (tensor(), "NEWOBJ class argument|type"),
    "a text": (text("os"), "NEWOBJ class argument|type"),
}

CORPUS = {
    **{
        f"NEWOBJ of {what}": (archive(state(code + _ARGUMENTS + b"\x81")), pattern)
        for what, (code, pattern) in _MAKERS.items()
    },
    **{
        f"NEWOBJ_EX of {what}": (
            archive(state(code + _ARGUMENTS + b"}\x92")),
            pattern.replace("NEWOBJ class", "NEWOBJ_EX class"),
        )
        for what, (code, pattern) in _MAKERS.items()
    },
    "a reconstructor of a tensor": (
        archive(state(name("copyreg", "_reconstructor") + b"(" + tensor() + b"NNtR")),
        "an object of class",
    ),
    "a tensor that os.system rebuilds": (
        archive(
            state(
                name("torch._tensor", "_rebuild_from_type_v2")
                + b"("
                + name("os", "system")
                + b"N"
                + _ARGUMENTS
                + b"NtR"
            )
        ),
        "it names 'os.system'",
    ),
    "a tensor that a namespace rebuilds": (
        archive(
            state(
                name("torch._tensor", "_rebuild_from_type_v2")
                + b"("
                + NAMESPACE
                + b"N"
                + _ARGUMENTS
                + b"NtR"
            )
        ),
        "a tensor that .* makes",
    ),
    "an object alone": (_rooted(OBJECT), "found an object of class argparse"),
    "BUILD of a class": (
        _rooted(NAMESPACE + b"}" + text("x") + b"K\x00sb"),
        "BUILD at byte .*would change",
    ),
    "a sparse tensor": (
        archive(state(name("torch._utils", "_rebuild_sparse_tensor") + b")R")),
        "'features.0.weight' is a sparse tensor",
    ),
    "a quantised tensor": (
        archive(state(name("torch._utils", "_rebuild_qtensor") + b")R")),
        "'features.0.weight' is a quantised tensor",
    ),
    "quantised numbers": (
        archive(state(tensor(base=storage(kind=name("torch", "QInt8Storage"))))),
        "numbers of type 'torch.QInt8Storage'.*quantised",
    ),
    "a model that holds itself": (
        _rooted(MODULE + b"q\x00}" + text("_modules") + b"}" + text("0") + b"h\x00ssb"),
        "a model of more than 1000 modules, or nested",
    ),
    "a model nested 30 deep": (_rooted(_nested(15)), "no state dict|nested more than"),
    "a model of 2,000 modules": (
        _rooted(module(b"".join(text(str(i)) + MODULE for i in range(2000)))),
        "a model of more than 1000 modules",
    ),
    "a model whose modules double at every level": (
        _rooted(
            MODULE
            + b"q\x00"
            + b"".join(
                module(text("a") + b"h" + bytes([i]) + text("b") + b"h" + bytes([i]))
                + b"q"
                + bytes([i + 1])
                for i in range(14)
            )
        ),
        "a model of more than 1000 modules|nested",
    ),
    "2,000 names": (
        _rooted(b"(" + b"".join(name("m", f"n{i}") for i in range(2000)) + b"t"),
        "at most 1000 names",
    ),
    "a name of 300 characters": (_rooted(name("m", "n" * 300)), "names of 256 characters"),
    "5,000 members of sets": (
        archive(
            b"\x80\x04\x8f(" + b"".join(number(i * ((1 << 61) - 1)) for i in range(5000)) + b"\x90."
        ),
        "more than 4096 dict items|more than",
    ),
    "a frozen set of 5,000 members": (
        archive(b"\x80\x04(" + b"".join(number(i) for i in range(5000)) + b"\x91."),
        "more than",
    ),
    "a number of 100 KB": (
        _rooted(b"\x8b" + struct.pack("<i", 100_000) + b"\x7f" * 100_000),
        "a number of more than 4096 bytes",
    ),
    "60,000 objects": (
        _rooted(NAMESPACE + b"q\x00" + b"h\x00)\x810" * 60_000),
        "POP at byte|more than 100000 opcodes",
    ),
}
