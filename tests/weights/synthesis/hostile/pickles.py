"""Hostile pickles in ``.pth`` files: each attack by name, with what the error must say.

`CORPUS` maps a name to the bytes of a file and a pattern that the message of the WeightsError
matches. Every file that could run something would make the file `CANARY`.
"""

from __future__ import annotations

import pickletools

from synthesis.programs.pickle_code import PROTOCOL, archive, name, state, storage, tensor, text

CANARY = "canary-of-the-hostile-files"
COMMAND = f"touch {CANARY}"

# One argument of each kind that an opcode may have: pickletools.ArgumentDescriptor.
_ARGUMENTS = {
    "decimalnl_short": b"1\n",
    "decimalnl_long": b"1L\n",
    "floatnl": b"1.0\n",
    "stringnl": b"'os'\n",
    "stringnl_noescape": b"os\n",
    "stringnl_noescape_pair": b"os\nsystem\n",
    "unicodestringnl": b"os\n",
    "uint1": b"\x01",
    "int4": b"\x01\x00\x00\x00",
    "long4": b"\x01\x00\x00\x00\x01",
    "bytes1": b"\x02os",
    "bytes4": b"\x02\x00\x00\x00os",
    "bytes8": b"\x02" + bytes(7) + b"os",
    "bytearray8": b"\x02" + bytes(7) + b"os",
    "unicodestring8": b"\x02" + bytes(7) + b"os",
    "uint2": b"\x01\x00",
}
# Here because someone has to say it twice: what torch.save writes for a state dict, and for what
# stands beside it.
_ALLOWED = frozenset(
    "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT BINUNICODE "
    "SHORT_BINUNICODE BINSTRING SHORT_BINSTRING EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST "
    "APPEND APPENDS EMPTY_DICT SETITEM SETITEMS BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET "
    "GLOBAL STACK_GLOBAL REDUCE BUILD BINPERSID NEWOBJ NEWOBJ_EX EMPTY_SET ADDITEMS FROZENSET "
    "BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 LONG4".split()
)


def _forbidden_opcodes() -> dict[str, tuple[bytes, str]]:
    """Return one file for every opcode that a state dict does not need."""
    corpus = {}
    for opcode in pickletools.opcodes:
        if opcode.name not in _ALLOWED:
            argument = _ARGUMENTS[opcode.arg.name] if opcode.arg else b""
            # A mark and two values for those that take something.
            code = PROTOCOL + b"(NN" + opcode.code.encode("latin-1") + argument + b"."
            corpus[f"opcode {opcode.name}"] = (archive(code), f"{opcode.name} at byte 5")
    return corpus


def _calls() -> dict[str, tuple[bytes, str]]:
    """Return files that call what they must not."""
    argument = text(COMMAND) + b"\x85"
    corpus = {}
    for module, attribute in (
        *(("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "Popen")),
        *(("builtins", "eval"), ("builtins", "exec"), ("__builtin__", "eval")),
        *(("runpy", "run_path"), ("importlib", "import_module"), ("operator", "attrgetter")),
        *(("builtins", "getattr"), ("pickle", "loads"), ("numpy", "load"), ("torch", "load")),
        *(("torch.storage", "_load_from_bytes"), ("torch", "FloatStorage.__reduce__")),
        *(("torch._utils", "os.system"), ("torch._utils", "os"), ("sys", "modules")),
    ):
        wanted = f"it names '{module}.{attribute}', which runs programs".replace(".", r"\.")
        corpus |= _uses(module, attribute, argument, wanted, wanted)
    # These are names like any other: what stands for them does nothing, and is no tensor.
    for module, attribute in (
        *(("collections", "namedtuple"), ("argparse", "Namespace"), ("torch", "Tensor")),
        *(("torch._utils", "_rebuild_tensor_v3"), ("collections", "OrderedDict.fromkeys")),
        *(("torchvision.models.alexnet", "AlexNet"), ("alexnet_cy.weights.files", "open_file")),
    ):
        full = f"{module}.{attribute}".replace(".", r"\.")
        corpus |= _uses(
            module,
            attribute,
            argument,
            f"'features.0.weight' is an object of class {full}; weights are plain tensors",
            f"numbers of type '{full}'; weights are floating-point",
        )
    made_dict = name("collections", "OrderedDict") + b")R"
    for what, target in {
        "a string": text("os.system"),
        "a number": b"K\x01",
        "a dict": b"}",
        "an OrderedDict": made_dict,
        "a storage class": name("torch", "FloatStorage"),
        "a storage": storage(),
        "a tensor": tensor(),
        "a tuple": b")",
    }.items():
        corpus[f"call of {what}"] = (archive(state(target + argument + b"R")), "not callable")
    corpus["call with no tuple"] = (
        archive(state(name("collections", "OrderedDict") + b"]R")),
        "argument list must be a tuple",
    )
    return corpus


def _uses(
    module: str, attribute: str, argument: bytes, called: str, stored: str
) -> dict[str, tuple[bytes, str]]:
    """Return files that call a name, in two ways, and that take it for a class of storages."""
    call = name(module, attribute) + argument + b"R"
    stacked = text(module) + text(attribute) + b"\x93" + argument + b"R"
    return {
        f"call {module}.{attribute}": (archive(state(call)), called),
        f"stacked call {module}.{attribute}": (
            archive(state(stacked).replace(PROTOCOL, b"\x80\x04", 1)),
            called,
        ),
        f"storage {module}.{attribute}": (
            archive(state(tensor(base=storage(kind=name(module, attribute))))),
            stored,
        ),
    }


def _changes() -> dict[str, tuple[bytes, str]]:
    """Return files that change what is not theirs to change (CVE-2026-24747 and like it)."""
    corpus = {}
    made_dict = name("collections", "OrderedDict")
    objects = {
        "a dict": b"}",
        "a list": b"]",
        "a tuple": b")",
        "a number": b"K\x01",
        "a string": text("x"),
        "a storage": storage(),
        "a storage class": name("torch", "FloatStorage"),
        "the maker of dicts": made_dict,
        "a name": name("torch._utils", "_rebuild_tensor_v2"),
    }
    for what, code in objects.items():
        for opcode, change in {
            "SETITEM": b"K\x00K\x00s",
            "SETITEMS": b"(K\x00K\x00u",
            "APPEND": b"K\x00a",
            "APPENDS": b"(K\x00e",
            "BUILD": b"}" + text("x") + b"K\x00sb",
        }.items():
            natural = (what == "a dict" and "SET" in opcode) or (
                what == "a list" and "APP" in opcode
            )
            if not natural:
                corpus[f"{opcode} on {what}"] = (
                    archive(state(code + change)),
                    f"{opcode} at byte .*would change",
                )
    states = {
        "a dict": b"}" + text("shape") + b")s",
        "slots": b"N}" + text("offset") + b"K\x63s\x86",
    }
    for what, code in states.items():
        corpus[f"BUILD of a tensor with {what}"] = (
            archive(state(tensor() + code + b"b")),
            "BUILD on a",
        )
    corpus["SETITEM on a tensor"] = (archive(state(tensor() + b"K\x00K\x00s")), "item assignment")
    corpus["a list as a key"] = (archive(PROTOCOL + b"}]K\x00s."), "unhashable")
    return corpus


CORPUS = {**_forbidden_opcodes(), **_calls(), **_changes()}
