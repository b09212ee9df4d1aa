"""Packed weights in a file that the processes of one machine map and share, read-only.

The file is ours, for this version, this instruction-set level and this machine: a cache, and no
format to keep weights in. It begins with a page-aligned header, JSON behind its length and its
SHA-256, and the parts follow at page boundaries.

The data's SHA-256 is checked when the file is opened for the first time; then its size and time
are noted in the cache folder, so that the next process starts in milliseconds.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alexnet_cy.engine.packed.sections import PackedElsewhere, adopt_sections, sections_of
from alexnet_cy.engine.runner import Runner
from alexnet_cy.errors import WeightsError
from alexnet_cy.machine.cache_folder import cache_folder
from alexnet_cy.machine.file_stamp import FileStamp
from alexnet_cy.machine.levels import active_level
from alexnet_cy.machine.replace_file import replace_file
from alexnet_cy.machine.threads import default_threads
from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax, Variant
from alexnet_cy.version import __version__
from alexnet_cy.weights.files import WeightsFile

__all__ = ["open_packed", "save_packed"]

MAGIC = b"ACYPACK1"
HEADER_AT = len(MAGIC) + 8 + 32  # behind the length of the header and its SHA-256
MAX_HEADER = 2**20
KINDS = {kind.__name__: kind for kind in (Conv, LRN, MaxPool, AdaptiveAvgPool, Linear, Softmax)}


def save_packed(runner: Runner, path: str | os.PathLike[str], more: Mapping[str, Any]) -> None:
    """Write a network's packed weights; parameters and errors are those of `AlexNet.save_packed`.

    Parameters
    ----------
    runner : Runner
    path : path-like
    more : mapping
        What else the file says of the network, in JSON.
    """
    plan = runner.plan(1, None, None, None, None)
    winograd = frozenset(step.layer.name for step in plan.steps if step.algorithm == "winograd")
    sections, nonfinite = sections_of(runner.packed, winograd, default_threads())
    digest, places, end = hashlib.sha256(), {}, 0
    for name, memory in sections.items():
        data = memoryview(memory).cast("B")
        places[name] = [end, data.nbytes]
        digest.update(data)
        end = _page(end + data.nbytes)
    header = json.dumps(
        {
            "version": __version__,
            "isa": runner.level,
            "variant": _variant_as_json(runner.variant),
            **runner.choices(),
            "sections": places,
            "nonfinite": nonfinite,
            "data_sha256": digest.hexdigest(),
            "bytes": end,
            **more,
        }
    ).encode()
    with replace_file(path) as temporary, open(temporary, "wb") as stream:
        stream.write(MAGIC + len(header).to_bytes(8, "little"))
        stream.write(hashlib.sha256(header).digest() + header)
        first = _page(HEADER_AT + len(header))
        for name, memory in sections.items():
            stream.seek(first + places[name][0])
            stream.write(memoryview(memory).cast("B"))
        stream.truncate(first + end)
    _note_checked(FileStamp.of(path), digest.hexdigest())


def open_packed(path: str | os.PathLike[str]) -> tuple[Runner, dict[str, Any]]:
    """Map a file of packed weights.

    Returns
    -------
    Runner
        Whose weights lie in the file.
    dict
        The header.

    Raises
    ------
    WeightsError
        It cannot be opened, is no such file, is damaged, or is for another version or level.
    """
    file = WeightsFile(path)
    name, (header, first) = file.path, _read_header(file)
    level = active_level()
    if header.get("isa") != level or header.get("version") != __version__:
        raise WeightsError(
            f"{name!r}: is packed by version {header.get('version')} for {header.get('isa')}, and "
            f"this is version {__version__} on {level}; save it again, with save_packed"
        )
    if file.size_bytes != first + header["bytes"]:
        raise WeightsError(f"{name!r}: is cut off; save it again")
    data = file.map()[first:]
    parts = {key: data[at : at + size] for key, (at, size) in header["sections"].items()}
    wanted = header["data_sha256"]
    if not _was_checked(file.stamp, wanted):
        digest = hashlib.sha256()
        for part in parts.values():
            digest.update(part)
        file.check()
        if digest.hexdigest() != wanted:
            raise WeightsError(f"{name!r}: its data do not have its SHA-256; save it again")
        _note_checked(file.stamp, wanted)
    variant = _variant_from_json(header["variant"])
    tensors = {key: PackedElsewhere(shape) for key, shape in variant.parameter_shapes().items()}
    runner = Runner(
        variant, tensors, algorithm=header["algorithm"], exact=header["exact"], level=level
    )
    adopt_sections(runner.packed, parts, header["nonfinite"])
    runner.use_algorithms(header["tuned"])
    runner.look_before_and_after(file.check)
    return runner, header


def _read_header(file: WeightsFile) -> tuple[dict[str, Any], int]:
    name, start = file.path, file.head(HEADER_AT)
    length = int.from_bytes(start[len(MAGIC) : len(MAGIC) + 8], "little")
    if not start.startswith(MAGIC) or length > MAX_HEADER:
        raise WeightsError(f"{name!r}: is no file of AlexNet.save_packed")
    text = file.head(HEADER_AT + length)[HEADER_AT:]
    if hashlib.sha256(text).digest() != start[-32:]:
        raise WeightsError(f"{name!r}: its header does not have its SHA-256; save it again")
    try:
        header = json.loads(text)
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise WeightsError(f"{name!r}: is no file of AlexNet.save_packed")
    return header, _page(HEADER_AT + length)


def _page(offset: int) -> int:
    return -(-offset // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY


def _variant_as_json(variant: Variant) -> dict[str, Any]:
    layers = [{"kind": type(layer).__name__, **asdict(layer)} for layer in variant.layers]
    return {**asdict(variant), "layers": layers}


def _variant_from_json(data: dict[str, Any]) -> Variant:
    layers = tuple(
        KINDS[layer["kind"]](**{k: _tuples(v) for k, v in layer.items() if k != "kind"})
        for layer in data["layers"]
    )
    return Variant(**{**data, "layers": layers})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _checked_file(path: str | os.PathLike[str]) -> Path:
    place = hashlib.sha256(os.fsencode(os.path.abspath(path))).hexdigest()[:16]
    return cache_folder() / f"packed-{place}.json"


def _was_checked(stamp: FileStamp, data_sha256: str) -> bool:
    try:
        noted = json.loads(_checked_file(stamp).read_text(encoding="utf-8"))
        return bool(noted == _note(stamp, data_sha256))
    except (OSError, ValueError):
        return False


def _note(stamp: FileStamp, data_sha256: str) -> dict[str, Any]:
    return {**asdict(stamp), "data_sha256": data_sha256}


def _note_checked(stamp: FileStamp, data_sha256: str) -> None:
    """Remember that a file has its hash; without a folder for that it is checked every time."""
    try:
        noted = _checked_file(stamp)
        noted.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(noted) as temporary:
            text = json.dumps(_note(stamp, data_sha256))
            Path(temporary).write_text(text, encoding="utf-8")
    except OSError:
        return
