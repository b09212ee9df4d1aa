"""MXNet's ``.params``, written by hand from the layout in apache/mxnet, src/ndarray/ndarray.cc."""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from synthesis.seed_files.safetensors import torchvision_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from alexnet_cy.network.variants import Variant

Tensors = dict[str, np.ndarray]


def gluon_names(tensors: Tensors) -> Tensors:
    """Name layers as gluon's symbols do, with a counter beside them."""
    named = {}
    for name, values in tensors.items():
        layer, _, kind = name.partition(".")
        path = f"conv{int(layer[4]) - 1}" if layer[:4] == "conv" else f"dense{int(layer[2]) - 6}"
        named[f"arg:alexnet0_{path}_{kind}"] = values
    return {"aux:steps": np.array([7]), **named}


def array_bytes(values: np.ndarray, version: int) -> bytes:
    head = struct.pack("<I", 0xF993FAC7 + version)
    head += struct.pack("<i", 0) if version > 1 else b""
    head += struct.pack(f"<I{values.ndim}q", values.ndim, *values.shape)
    kind = {"f": 0, "i": 6}[values.dtype.kind]
    return head + struct.pack("<iii", 1, 0, kind) + values.tobytes()


def file_bytes(named: Tensors, version: int = 2) -> bytes:
    parts = [struct.pack("<QQQ", 0x112, 0, len(named))]
    parts += [array_bytes(values, version) for values in named.values()]
    parts.append(struct.pack("<Q", len(named)))
    for name in named:
        parts.append(struct.pack("<Q", len(name)) + name.encode())
    return b"".join(parts)


def _write(
    names: Callable[[Tensors], Tensors],
    version: int,
    directory: Path,
    variant: Variant,
    tensors: Tensors,
) -> Path:
    path = directory / "network.params"
    path.write_bytes(file_bytes(names(tensors), version))
    return path


SEEDS = {
    "mxnet-gluon": partial(_write, gluon_names, 2),
    "mxnet-version1": partial(_write, gluon_names, 1),
    "mxnet-modules": partial(_write, torchvision_names, 3),
}
VARIANTS = {name: ("torchvision",) for name in SEEDS}
