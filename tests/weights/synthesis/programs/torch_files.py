"""Writes ``.pth`` files in all the ways in which torch.save has written them since 2017."""

from __future__ import annotations

import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from synthesis.bits import bf16_bytes
from synthesis.programs.torch_pickles import (
    Parameter,
    Storage,
    Tensor,
    contiguous_strides,
    dump,
)
from synthesis.programs.zip_writer import Member, zip_bytes
from synthesis.seed_files.safetensors import torchvision_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
SYSTEM = {
    "protocol_version": PROTOCOL_VERSION,
    "little_endian": True,
    "type_sizes": {"short": 2, "int": 4, "long": 4},
}


@dataclass(frozen=True)
class Encoding:
    """How a file is written; the default is what torch does today."""

    container: str = "zip"  # or legacy
    protocol: int = 2
    python2: bool = False
    dtype: str = "F32"
    layout: str = "own"  # a storage each; shared (one for all); strided (transposed, sliced); views
    rebuild: str = "_rebuild_tensor_v2"
    parameters: bool = False
    location: str = "cpu"
    names: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] = torchvision_names
    wrap: Callable[[OrderedDict], Any] = lambda state: state


def write_torch(path: Path, tensors: dict[str, np.ndarray], encoding: Encoding) -> Path:
    """Write a state dict; returns `path`."""
    root = encoding.wrap(state_dict(tensors, encoding))
    path.write_bytes(encode(root, encoding))
    return path


def state_dict(tensors: dict[str, np.ndarray], encoding: Encoding) -> OrderedDict:
    """Describe the tensors as torch's state_dict() does, its attribute ``_metadata`` included."""
    named = encoding.names(tensors)
    lay_out = _LAYOUTS[encoding.layout]
    described = OrderedDict(zip(named, lay_out(list(named.values()), encoding), strict=True))
    if encoding.parameters:
        described = OrderedDict((name, Parameter(value)) for name, value in described.items())
    described._metadata = OrderedDict([("", {"version": 1})])
    return described


def encode(root: Any, encoding: Encoding) -> bytes:
    """Return a value as the bytes of a file."""
    if encoding.container == "zip":
        return zip_bytes(zip_members(root, encoding))
    return b"".join(legacy_parts(root, encoding))


def zip_members(
    root: Any, encoding: Encoding = Encoding(), prefix: str = "alexnet"
) -> list[Member]:
    """Return the members of the archive that torch writes."""
    _, storages = dump(root)
    for number, storage in enumerate(storages):
        storage.key = str(number)
    description, _ = dump(root, encoding.protocol, python2=encoding.python2)
    return [
        Member(f"{prefix}/data.pkl", description),
        Member(f"{prefix}/byteorder", b"little"),
        *(Member(f"{prefix}/data/{storage.key}", storage.data) for storage in storages),
        Member(f"{prefix}/version", b"3\n"),
    ]


def legacy_parts(root: Any, encoding: Encoding = Encoding(container="legacy")) -> list[bytes]:
    """Return the five pickles and the storages, each as the bytes between two boundaries."""
    style = {"protocol": encoding.protocol, "python2": encoding.python2}
    _, storages = dump(root, legacy=True)
    # Keys were addresses: their order, that of the storages in the file, is not that of the state
    # dict.
    for number, storage in enumerate(storages):
        storage.key = storage.key or str(94804595988448 - 64 * number)
    description, storages = dump(root, legacy=True, **style)
    by_key = {storage.key: storage for storage in storages}
    keys = sorted(by_key)
    pickles = [dump(value, **style)[0] for value in (MAGIC_NUMBER, PROTOCOL_VERSION, SYSTEM)]
    parts = [*pickles, description, dump(keys, **style)[0]]
    for key in keys:
        parts.append(struct.pack("<q", by_key[key].declared))
        parts.append(by_key[key].data)
    return parts


def to_bytes(values: np.ndarray, dtype: str) -> bytes:
    """Return the numbers as a file holds them."""
    if dtype == "BF16":
        return bf16_bytes(np.ascontiguousarray(values))
    return values.astype({"F32": "<f4", "F16": "<f2", "F64": "<f8", "I64": "<i8"}[dtype]).tobytes()


def _own(arrays: list[np.ndarray], encoding: Encoding) -> list[Tensor]:
    return [
        Tensor(
            Storage(encoding.dtype, to_bytes(array, encoding.dtype), location=encoding.location),
            0,
            array.shape,
            contiguous_strides(array.shape),
            rebuild=encoding.rebuild,
        )
        for array in arrays
    ]


def _shared(arrays: list[np.ndarray], encoding: Encoding) -> list[Tensor]:
    """Put all tensors into one storage, with a gap before the first."""
    gap = 3
    flat = np.concatenate([np.full(gap, np.nan, np.float32), *(array.ravel() for array in arrays)])
    storage = Storage(encoding.dtype, to_bytes(flat, encoding.dtype), location=encoding.location)
    tensors = []
    offset = gap
    for array in arrays:
        strides = contiguous_strides(array.shape)
        tensors.append(Tensor(storage, offset, array.shape, strides, rebuild=encoding.rebuild))
        offset += array.size
    return tensors


def _strided(arrays: list[np.ndarray], encoding: Encoding) -> list[Tensor]:
    """Reverse the order of the axes, or, of every other tensor, take every second element."""
    tensors = []
    for number, array in enumerate(arrays):
        step = 2 if number % 2 else 1
        flat = np.repeat(array.T.ravel(), step)
        strides = contiguous_strides(array.shape[::-1])[::-1]
        tensors.append(
            Tensor(
                Storage(encoding.dtype, to_bytes(flat, encoding.dtype)),
                step - 1,
                array.shape,
                tuple(step * stride for stride in strides),
            )
        )
    return tensors


def _views(arrays: list[np.ndarray], encoding: Encoding) -> list[Tensor]:
    """Write views of one storage, as torch did until 1.2 for tensors that share theirs."""
    flat = np.concatenate([array.ravel() for array in arrays])
    data = to_bytes(flat, encoding.dtype)
    tensors = []
    first = 0
    for number, array in enumerate(arrays):
        view = (f"view {number}", first, array.size)
        storage = Storage(encoding.dtype, data, key="94804595988448", view=view)
        tensors.append(Tensor(storage, 0, array.shape, contiguous_strides(array.shape)))
        first += array.size
    return tensors


_LAYOUTS = {"own": _own, "shared": _shared, "strided": _strided, "views": _views}
