"""Reader and writer of ``.safetensors``.

A file is an unsigned 64-bit length, that many bytes of JSON, and the numbers, row-major and
little-endian, one tensor after the other without gaps (github.com/huggingface/safetensors, README,
section "Format"). The writer is that of the safetensors package. The reader is our own: the
package opens the file a second time and by default maps it, reads no bfloat16 without an extension
of NumPy, and accepts repeated names.
"""

from __future__ import annotations

import json
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.machine.replace_file import replace_file
from alexnet_cy.weights.files import as_weights_error, open_file
from alexnet_cy.weights.naming.assemble import assemble
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.stored_floats import FLOAT_BYTES, BlockTensor
from alexnet_cy.weights.writing import checked_tensors, file_metadata, noted_network

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from alexnet_cy.network.architecture import Variant
    from alexnet_cy.weights.files import WeightsFile

__all__ = ["read", "write", "write_halves"]

# AlexNet: 1.3 KB, with a mean image 1.1 MB; the format itself allows 100 MB.
MAX_HEADER_BYTES = 1 << 22
MAX_TENSORS = 1000
MAX_RANK = 8
MAX_NAME_CHARACTERS = 256

_LENGTH_BYTES = 8
# Of what stands beside weights, such as the num_batches_tracked of a batch normalisation.
_COUNTER_BYTES = {"I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_METADATA_KEY = "__metadata__"


def read(path: str | os.PathLike[str]) -> NetworkFile:
    """Read the header of a safetensors file.

    Parameters
    ----------
    path : path-like
        The file; canonical names, torchvision's, or Caffe's, in F16, BF16, F32 or F64.

    Returns
    -------
    NetworkFile
        Its variant is the one that `write` noted, or "torchvision" by the names.

    Raises
    ------
    WeightsError
        The file is cut off, garbled, or breaks a rule of the format.
    """
    file = open_file(path)
    header, data_offset = _read_header(file)
    metadata = dict(_check_metadata(file, header.pop(_METADATA_KEY, {})))
    if len(header) > MAX_TENSORS:
        raise WeightsError(f"{file.path!r}: {len(header)} tensors; at most {MAX_TENSORS} are read")
    entries = {name: _check_entry(file, name, entry) for name, entry in header.items()}
    _check_no_gaps(file, entries, file.size_bytes - data_offset)
    noted, network = noted_network(file.path, metadata)
    named = assemble(
        {
            name: BlockTensor(file, data_offset + entry.start, entry.dtype, entry.shape)
            for name, entry in entries.items()
            if entry.dtype in FLOAT_BYTES
        },
        network=network,
    )
    return NetworkFile(
        "safetensors",
        named.tensors,
        noted or named.variant,
        metadata | named.metadata,
        network,
        is_guess=noted is None,
    )


def write(
    path: str | os.PathLike[str],
    variant: str | Variant,
    tensors: Mapping[str, NDArray[np.float32]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a network as float32; a `writing.Writer`, for tensors of any names."""
    _save(path, checked_tensors(tensors), file_metadata(variant, metadata))


def write_halves(
    path: str | os.PathLike[str],
    variant: str | Variant,
    tensors: Mapping[str, NDArray[np.float32]],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a network as float16, in a file of half the size; a `writing.Writer`.

    Every number is rounded to the nearest float16: to 11 significant bits, or to a multiple of
    2**-24 below 2**-14 (IEEE 754-2019, binary16). NaN and infinity stay what they are. Reading
    the file gives float32 again.

    Raises
    ------
    WeightsError
        A finite number is too large for float16, whose largest is 65,504.
    """
    halves = {}
    for name, tensor in checked_tensors(tensors).items():
        with np.errstate(over="ignore", invalid="ignore"):  # a signalling NaN becomes a quiet one
            halves[name] = tensor.astype("<f2")
        too_large = np.isinf(halves[name]) & np.isfinite(tensor)
        if too_large.any():
            largest = float(np.abs(tensor[too_large]).max())
            raise WeightsError(f"{name}: {largest:g} is too large for float16, at most 65504")
    _save(path, halves, file_metadata(variant, metadata))


def _save(
    path: str | os.PathLike[str], arrays: dict[str, NDArray[Any]], metadata: dict[str, str]
) -> None:
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    with replace_file(path) as temporary:
        try:
            save_file(arrays, temporary, metadata)
        except SafetensorError as error:
            raise OSError(f"{path}: cannot be written: {error}") from error


class _Entry(NamedTuple):
    """One tensor of the header, checked by itself."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


def _read_header(file: WeightsFile) -> tuple[dict[str, Any], int]:
    """Return the parsed header and the offset of the numbers."""
    size_bytes = int.from_bytes(file.read_bytes(0, _LENGTH_BYTES), "little")
    if size_bytes > MAX_HEADER_BYTES:
        raise WeightsError(
            f"{file.path!r}: a header of {size_bytes} bytes; at most {MAX_HEADER_BYTES} are read"
        )
    data = file.read_bytes(_LENGTH_BYTES, size_bytes)
    if not data.startswith(b"{"):
        raise WeightsError(f"{file.path!r}: the header does not begin with '{{'")
    with as_weights_error(f"{file.path!r}: the header"):
        header = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant
        )
    return header, _LENGTH_BYTES + size_bytes


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a name occurs twice")
    return result


def _refuse_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _check_metadata(file: WeightsFile, metadata: object) -> dict[str, str]:
    if isinstance(metadata, dict) and all(isinstance(text, str) for text in metadata.values()):
        return metadata
    raise WeightsError(f"{file.path!r}: {_METADATA_KEY} must map strings to strings")


def _check_entry(file: WeightsFile, name: str, entry: object) -> _Entry:
    if len(name) > MAX_NAME_CHARACTERS:
        raise WeightsError(f"{file.path!r}: a tensor's name has {len(name)} characters")
    what = f"{file.path!r}: tensor {name!r}"
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [start, end], **rest}:
            pass
        case _:
            raise WeightsError(f"{what}: needs dtype, shape and two data_offsets")
    if rest:
        raise WeightsError(f"{what}: has keys besides dtype, shape and data_offsets")
    # bool is an int to Python, and true is not a number to JSON.
    if not all(type(number) is int and 0 <= number < 1 << 63 for number in (*shape, start, end)):
        raise WeightsError(f"{what}: shape and data_offsets must be integers of at least 0")
    is_counter = dtype in _COUNTER_BYTES and len(shape) < 2
    if dtype not in FLOAT_BYTES and not is_counter:
        formats = ", ".join(FLOAT_BYTES)
        raise WeightsError(f"{what}: elements of type {dtype[:16]!r}; weights are one of {formats}")
    item_bytes = FLOAT_BYTES.get(dtype) or _COUNTER_BYTES[dtype]
    if len(shape) > MAX_RANK:
        raise WeightsError(f"{what}: {len(shape)} axes; at most {MAX_RANK} are read")
    if end - start != prod(shape) * item_bytes:
        raise WeightsError(
            f"{what}: {end - start} bytes; shape {tuple(shape)} of {dtype} has "
            f"{prod(shape) * item_bytes}"
        )
    return _Entry(dtype, tuple(shape), start, end)


def _check_no_gaps(file: WeightsFile, entries: Mapping[str, _Entry], data_bytes: int) -> None:
    """Check that the tensors fill the rest of the file, each beginning where another ends."""
    position = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].end)):
        if entry.start != position:
            raise WeightsError(
                f"{file.path!r}: tensor {name!r} begins at byte {entry.start}; the one before it "
                f"ends at {position}"
            )
        position = entry.end
    if position != data_bytes:
        raise WeightsError(
            f"{file.path!r}: truncated or corrupt: the tensors take {position} bytes, the file "
            f"has {data_bytes}"
        )
