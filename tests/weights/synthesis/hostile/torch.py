"""Hostile containers of PyTorch checkpoints: zip files, the older sequence of pickles, and others.

`CORPUS` maps a name to the bytes of a file and a pattern that the message of the WeightsError
matches.
"""

from __future__ import annotations

import io
import pickle
import struct
import tarfile
import zlib
from typing import Any

from synthesis.programs.pickle_code import (
    NUMBERS,
    PROTOCOL,
    archive,
    name,
    state,
    storage,
    tensor,
    text,
)
from synthesis.programs.torch_files import MAGIC_NUMBER, PROTOCOL_VERSION, SYSTEM, legacy_parts
from synthesis.programs.torch_pickles import Storage, Tensor, dump
from synthesis.programs.zip_writer import Member, zip_bytes


def members(**changes: Any) -> list[Member]:
    """Return the members of a sound file, with fields of the storage's member changed."""
    return [
        Member("a/data.pkl", state(tensor())),
        Member("a/byteorder", b"little"),
        Member(**({"name": "a/data/0", "data": NUMBERS} | changes)),
    ]


def _zip_files() -> dict[str, tuple[bytes, str]]:
    """Return archives that are damaged, ambiguous, or more than they seem."""
    whole = archive(state(tensor()))
    description, byteorder, numbers = members()
    deflated = zlib.compress(NUMBERS)[2:-4]
    two_ways = "described in two ways"
    changed = {
        "an encrypted member": ({"flags": 0x0809}, "encrypted"),
        "a strongly encrypted member": ({"flags": 0x0848}, "encrypted"),
        "a deflated member": (
            {"data": deflated, "method": 8, "size": len(NUMBERS)},
            "is compressed",
        ),
        "a member that says it is deflated": ({"method": 8}, "is compressed"),
        "a method that is not known": ({"method": 99}, "is compressed"),
        "deflated in the local header only": ({"local_method": 8}, two_ways),
        "encrypted in the local header only": ({"local_flags": 0x0809}, two_ways),
        "another name in the local header": ({"local_name": "a/data/1"}, two_ways),
        "another size in the local header": ({"local_size": 25}, two_ways),
        "another checksum in the local header": (
            {"flags": 0, "local_crc32": 1},
            two_ways,
        ),
        "a size larger than what is stored": ({"size": 1 << 30}, "is compressed"),
        "a size beyond the file": ({"size": 1 << 30, "stored_size": 1 << 30}, "reaches into"),
        "a size into the directory": ({"size": 60, "stored_size": 60}, "reaches into"),
        "a header that is not there": ({"header_offset": 7}, "truncated"),
        "a header beyond the file": ({"header_offset": 1 << 31}, "truncated"),
        "the header of another member": ({"header_offset": 0}, two_ways),
        "a wrong checksum": ({"crc32": 1, "local_crc32": 1}, "checksum"),
    }
    corpus = {
        what: (zip_bytes(members(**changes)), pattern)
        for what, (changes, pattern) in changed.items()
    }
    for path in ("../../etc/cron.d/x", "/etc/x", "a/../data/0", "a//0", "C:\\x", "a/x\0.txt", ""):
        extra = Member(path, b"x")
        corpus[f"a member called {path!r}"] = (
            zip_bytes([description, byteorder, numbers, extra]),
            "a member with the path|two ways",
        )
    corpus |= {
        "two members of one name": (
            zip_bytes([description, byteorder, numbers, Member("a/data/0", b"\xff" * 24)]),
            "same name",
        ),
        "two descriptions": (
            zip_bytes([description, numbers, Member("b/data.pkl", state(tensor()))]),
            "2 members called data.pkl",
        ),
        "no description": (zip_bytes([numbers]), "0 members called data.pkl"),
        "no members": (zip_bytes([]), "not a file that torch.save wrote"),
        "no storage": (zip_bytes([description, byteorder]), "there is no member 'a/data/0'"),
        "storages elsewhere": (
            zip_bytes([description, Member("b/data/0", NUMBERS)]),
            "there is no member",
        ),
        "big-endian": (
            zip_bytes([description, Member("a/byteorder", b"big"), numbers]),
            "byteorder b'big'",
        ),
        "a byteorder of 1 MB": (
            zip_bytes([description, Member("a/byteorder", b"little" * 170_000), numbers]),
            "at most 16 are read",
        ),
        "a TorchScript archive": (
            zip_bytes([*members(), Member("a/constants.pkl", PROTOCOL + b").")]),
            "TorchScript",
        ),
        "a directory that reaches into itself": (
            zip_bytes([*members(), Member("a/x", b"x", size=200, stored_size=200)]),
            "reaches into the directory",
        ),
        "members that overlap": (
            zip_bytes(
                [description, Member("a/data/0", NUMBERS, size=99, stored_size=99), byteorder]
            ),
            "overlaps",
        ),
        "another file before the archive": (
            zip_bytes([Member("x", b"", is_listed=False), *members()]),
            "does not begin the file",
        ),
        "a directory of 2 MB": (
            zip_bytes([*members(), *(Member(f"a/{i:090}", b"", flags=0) for i in range(15_000))]),
            "should be small|directory",
        ),
        "an archive within an archive's comment": (
            whole[:-2] + struct.pack("<H", len(whole)) + whole,
            "does not begin the file|cannot be read|two ways",
        ),
    }
    end = whole.rindex(b"PK\x05\x06")
    for what, offset, value in (
        ("a directory of 4 GiB", 12, 0xFFFFFFFE),
        ("a directory of -1", 12, 0xFFFFFFFF),
        ("a directory that begins at 4 GiB", 16, 0xFFFFFFFE),
        ("a directory that begins at 0", 16, 0),
    ):
        damaged = bytearray(whole)
        damaged[end + offset : end + offset + 4] = struct.pack("<I", value)
        corpus[what] = (bytes(damaged), "directory|two ways|begin|truncated|sound")
    return corpus


def _legacy_files() -> dict[str, tuple[bytes, str]]:
    """Return sequences of pickles and storages that do not go together."""
    parts = legacy_parts({"features.0.weight": Tensor(Storage("F32", NUMBERS), 0, (2, 3), (3, 1))})
    magic, protocol, system, description, keys, count, _ = parts
    key = pickle.loads(keys)[0]

    def changed(**changes: bytes) -> bytes:
        names = ("magic", "protocol", "system", "description", "keys", "count", "numbers")
        return b"".join((dict(zip(names, parts, strict=True)) | changes).values())

    two = {
        "x": Tensor(Storage("F32", NUMBERS), 0, (2, 3), (3, 1)),
        "y": Tensor(Storage("F64", bytes(16)), 0, (2,), (1,)),
    }
    *head, _, _, _, _ = legacy_parts(two)
    storages_swapped = [struct.pack("<q", 6), NUMBERS, struct.pack("<q", 2), bytes(16)]
    return {
        "another magic number": (
            changed(magic=dump(MAGIC_NUMBER + 1)[0]),
            "not one that torch.save wrote",
        ),
        "a plain pickle": (pickle.dumps({"x": [1.0]}, 2), "not one that torch.save wrote"),
        "a plain pickle of NumPy arrays": (
            PROTOCOL + name("numpy.core.multiarray", "_reconstruct") + b".",
            "not one that torch.save wrote",
        ),
        "protocol 1002": (changed(protocol=dump(PROTOCOL_VERSION + 1)[0]), "of protocol 1002"),
        "a big-endian machine": (
            changed(system=dump(SYSTEM | {"little_endian": False})[0]),
            "little-endian",
        ),
        "a machine that is a list": (changed(system=dump([])[0]), "little-endian"),
        "no keys": (changed(keys=dump([])[0]), "is not the list of those in use"),
        "another key": (changed(keys=dump(["1"])[0]), "is not the list of those in use"),
        "a key that is a number": (changed(keys=dump([int(key)])[0]), "those in use"),
        "a key twice": (changed(keys=dump([key, key])[0]), "names one twice"),
        "keys that are a dict": (changed(keys=dump({key: 0})[0]), "those in use"),
        "a count too large": (changed(count=struct.pack("<q", 7)), "has 7 elements"),
        "a count of -6": (changed(count=struct.pack("<q", -6)), "has -6 elements"),
        "a count of 2**62": (changed(count=struct.pack("<q", 1 << 62)), "elements"),
        "storages in the order of the state dict": (
            b"".join(head + storages_swapped),
            "elements, the description says",
        ),
        "bytes after the last storage": (b"".join(parts) + b"PK\x03\x04", "the file has"),
        "too few numbers": (b"".join(parts)[:-1], "need .* bytes, the file has"),
        "a description that names os.system": (
            changed(description=PROTOCOL + name("os", "system") + text("true") + b"\x85R."),
            r"it names 'os\.system'",
        ),
        "a magic number that calls os.system": (
            changed(magic=PROTOCOL + name("os", "system") + text("true") + b"\x85R."),
            r"it names 'os\.system'",
        ),
        "a view with a storage beyond the file": (
            changed(
                description=state(
                    tensor(
                        base=storage(b"\x8a\x05\x00\x00\x00\x00\x01").replace(
                            text("0"), text(key), 1
                        )
                    )
                )
            ),
            "elements, the description says",
        ),
        "only the magic number": (magic, "protocol: cannot be read|protocol cannot be read"),
        "no storages": (magic + protocol + system + description + keys, "truncated"),
        "half a count": (b"".join(parts[:-2]) + count[:4], "truncated"),
        "2 MiB of nothing": (
            magic + protocol + system + PROTOCOL + bytes(2 << 20),
            "cannot be read",
        ),
    }


def _contents() -> dict[str, tuple[bytes, str]]:
    """Return sound files that hold no state dict, and what is no checkpoint at all."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive_of_2016:
        archive_of_2016.addfile(tarfile.TarInfo("sys_info"), io.BytesIO())
    no_state_dict = {
        "None": b"N",
        "a list of tensors": b"]" + tensor() + b"a",
        "one tensor": tensor(),
        "an empty dict": b"}",
        "an empty state dict": b"}" + text("state_dict") + b"}s",
        "numbers only": b"}" + text("epoch") + b"K\x01s",
        "wrapped four times": (b"}" + text("model")) * 4
        + b"}"
        + text("features.0.weight")
        + tensor()
        + b"s" * 5,
        "a tensor whose name is a number": b"}K\x00" + tensor() + b"s",
        "a dict that holds itself": b"}q\x00" + text("state_dict") + b"h\x00s",
    }
    corpus = {
        what: (archive(PROTOCOL + code + b"."), "no state dict")
        for what, code in no_state_dict.items()
    }
    corpus["the same tensor by two names"] = (
        archive(
            PROTOCOL
            + b"}("
            + b"".join(
                text(prefix + f"features.{module}.weight") + tensor()
                for prefix in ("", "module.")
                for module in (0, 3, 6, 8, 10)
            )
            + b"u."
        ),
        "both mean the tensor",
    )
    corpus["the tar format of 2016"] = (stream.getvalue(), "until 2016 .* alexnet-owt-7be5be79")
    corpus["text"] = (b"hello" * 200, "not a file that torch.save wrote")
    corpus["one byte"] = (b"\x80", "cannot be read")
    return corpus


CORPUS = {**_zip_files(), **_legacy_files(), **_contents()}
