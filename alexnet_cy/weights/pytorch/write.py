"""Writer of PyTorch state dicts: a zip file that torch.load(weights_only=True) reads.

The members are those of torch.save since 1.6: ``data.pkl`` describes an ``OrderedDict`` of tensors,
``data/<n>`` is the storage of the n-th, stored, its numbers aligned to 64 bytes as torch wants them
for mapping (torch/csrc; caffe2/serialize/inline_container.cc, kFieldAlignment). torchvision's names
are written where the network has its layers, so that ``torchvision.models.alexnet()`` loads the
file; other networks keep ours.
"""

from __future__ import annotations

import struct
import zipfile
from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.machine.replace_file import replace_file
from alexnet_cy.network.templates import LIKE
from alexnet_cy.weights.key_names import LAYER_NAMES, torchvision_name
from alexnet_cy.weights.writing import checked_tensors, file_metadata

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from alexnet_cy.network.architecture import Variant

__all__ = ["write"]

_PREFIX = "alexnet"
_ALIGNMENT = 64
_LOCAL_HEADER_BYTES = 30
_TORCHVISION = "torchvision"

# Opcodes, by the names that pickletools has for them.
_PROTO_2, _STOP = b"\x80\x02", b"."
_MARK, _TUPLE, _EMPTY_TUPLE = b"(", b"t", b")"
_REDUCE, _SETITEM, _BINPERSID, _NEWFALSE = b"R", b"s", b"Q", b"\x89"


def write(
    path: str | os.PathLike[str],
    variant: str | Variant,
    tensors: Mapping[str, NDArray[np.float32]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a network as float32; a `writing.Writer`. A state dict has no place for metadata."""
    file_metadata(variant, metadata)  # of the right types, as every writer wants it
    arrays = checked_tensors(tensors)
    if any("." not in name for name in arrays):
        raise WeightsError("a state dict has tensors called layer.weight and layer.bias")
    names = _names(variant, arrays)
    with replace_file(path) as temporary, open(temporary, "wb") as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            _add(archive, f"{_PREFIX}/data.pkl", memoryview(_describe(names, arrays)))
            _add(archive, f"{_PREFIX}/byteorder", memoryview(b"little"))
            for number, array in enumerate(arrays.values()):
                data = array.reshape(-1).view("u1").data
                _add(archive, f"{_PREFIX}/data/{number}", data)
            _add(archive, f"{_PREFIX}/version", memoryview(b"3\n"))


def _names(variant: str | Variant, arrays: Mapping[str, NDArray[np.float32]]) -> dict[str, str]:
    """Return the name of each tensor in the file."""
    name = variant if isinstance(variant, str) else variant.name
    is_theirs = name.removesuffix(LIKE) == _TORCHVISION
    layers = {key.partition(".")[0] for key in arrays}
    if not is_theirs or not layers <= set(LAYER_NAMES):
        return {key: key for key in arrays}
    return {key: torchvision_name(key) for key in arrays}


def _add(archive: zipfile.ZipFile, name: str, data: memoryview) -> None:
    """Add a member whose data begin at a multiple of the alignment."""
    info = zipfile.ZipInfo(name)  # of 1980, so that the same network gives the same file
    assert archive.fp is not None
    position = archive.fp.tell() + _LOCAL_HEADER_BYTES + len(name)
    padding = -(position + 4) % _ALIGNMENT
    # APPNOTE.TXT 4.5: an extra field has a type, "FB" in torch's files, and a length.
    info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    with archive.open(info, "w", force_zip64=False) as member:
        member.write(data)


def _describe(names: Mapping[str, str], arrays: Mapping[str, NDArray[np.float32]]) -> bytes:
    """Pickle the state dict."""
    code = [_PROTO_2, _global("collections", "OrderedDict"), _EMPTY_TUPLE, _REDUCE]
    for number, (key, array) in enumerate(arrays.items()):
        storage = [
            *(_MARK, _text("storage"), _global("torch", "FloatStorage"), _text(str(number))),
            *(_text("cpu"), _integer(array.size), _TUPLE, _BINPERSID),
        ]
        strides = [stride // array.itemsize for stride in array.strides]
        hooks = [_global("collections", "OrderedDict"), _EMPTY_TUPLE, _REDUCE]
        code += [
            *(_text(names[key]), _global("torch._utils", "_rebuild_tensor_v2"), _MARK),
            *(*storage, _integer(0), _numbers(array.shape), _numbers(strides)),
            *(_NEWFALSE, *hooks, _TUPLE, _REDUCE, _SETITEM),
        ]
    return b"".join([*code, _STOP])


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _integer(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _numbers(values: tuple[int, ...] | list[int]) -> bytes:
    return _MARK + b"".join(map(_integer, values)) + _TUPLE
