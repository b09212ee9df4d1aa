"""Reader of ``.npy``: the dicts of arrays that caffe-tensorflow wrote, and others like them.

Such a file is an object array without axes whose one object is a dict, as ``numpy.save`` makes it:

    {"conv1": [weights, biases], ...}                          older caffe-tensorflow
    {"conv1": {"weights": weights, "biases": biases}, ...}     newer caffe-tensorflow
    {"conv1/W": weights, "conv1/b": biases, ...}               tensorpack

Convolutions are (H, W, I, O), fully connected layers (in, out), and the inputs of fc6 in the order
row, column, channel. Names may be bytes, and the pickle may be Python 2's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays.payloads import Payload, extract_payloads
from alexnet_cy.weights.arrays.stored_arrays import (
    Block,
    StoredArray,
    check_element_type,
    network_file,
)
from alexnet_cy.weights.arrays.unpickler import InlineBytes, PickledArray, load_arrays
from alexnet_cy.weights.files import as_weights_error, open_file

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from alexnet_cy.weights.network_file import NetworkFile

__all__ = ["MAX_HEADER_BYTES", "read", "read_header"]

MAX_HEADER_BYTES = 10_000  # what NumPy itself accepts from files that it does not trust
MAX_NAME_BYTES = 256


def read(path: str | os.PathLike[str]) -> NetworkFile:
    """Read the structure of a ``.npy`` file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    NetworkFile
        Its variant is None, but for dicts with torchvision's names.

    Raises
    ------
    WeightsError
        The file is cut off or garbled, is no dict of arrays, or its pickle asks for anything else.
    """
    file = open_file(path)
    what = f"{file.path!r}"
    stream = file.stream(max_read_bytes=MAX_HEADER_BYTES)
    with as_weights_error(f"{what}: the header"):
        shape, _, dtype = read_header(cast("BinaryIO", stream))
    if not dtype.hasobject or dtype.kind != "O":
        raise WeightsError(
            f"{what}: a single array of {str(dtype)[:60]} and shape {str(shape)[:60]}; weights in "
            ".npy are a dict of arrays"
        )
    pickled, payloads = extract_payloads(file, stream.tell())
    with as_weights_error(f"{what}: the pickle"):
        root = load_arrays(pickled, payloads)
    arrays: dict[str, StoredArray] = {}
    for name, array in _flatten(what, _only_object(root)):
        if name in arrays:
            raise WeightsError(f"{what}: {name!r} occurs twice")
        arrays[name] = _stored(f"{what}: {name!r}", array)
    return network_file("npy", arrays, None, {})


def read_header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of a ``.npy`` stream.

    Returns
    -------
    shape : tuple of int
        As declared; not compared with what follows.
    fortran_order : bool
        Whether the first index varies fastest.
    dtype : numpy.dtype
        Of any kind.

    Raises
    ------
    Exception
        Of nearly any kind, if the header is garbled.
    """
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        header = np.lib.format.read_array_header_1_0(stream, max_header_size=MAX_HEADER_BYTES)
    elif version == (2, 0):
        header = np.lib.format.read_array_header_2_0(stream, max_header_size=MAX_HEADER_BYTES)
    else:
        raise ValueError(f"version {version[0]}.{version[1]}; weights have 1.0 or 2.0")
    shape, fortran_order, dtype = header
    return tuple(int(size) for size in shape), bool(fortran_order), dtype


def _only_object(root: object) -> object:
    """Return the object of an object array that has one."""
    if isinstance(root, PickledArray) and isinstance(root.data, list) and len(root.data) == 1:
        return root.data[0]
    return root


def _flatten(what: str, root: object) -> Iterator[tuple[str, object]]:
    """Yield every array of the dict with its name, "layer/kind" where dicts or lists are nested."""
    if not isinstance(root, dict):
        raise WeightsError(f"{what}: holds {_kind(root)}; weights in .npy are a dict of arrays")
    for key, value in root.items():
        name = _name(what, key)
        if isinstance(value, PickledArray) and isinstance(value.data, list):
            value = value.data  # [weights, biases] as an object array
        if isinstance(value, dict):
            for kind, array in value.items():
                yield f"{name}/{_name(what, kind)}", array
        elif isinstance(value, list | tuple):
            if len(value) > 2:
                raise WeightsError(
                    f"{what}: {name!r} has {len(value)} arrays; a layer has weights and biases"
                )
            for kind, array in zip("Wb", value, strict=False):
                yield f"{name}/{kind}", array
        else:
            yield name, value


def _name(what: str, key: object) -> str:
    """Return a key of a dict as text; Python 3 pickles may have bytes."""
    if isinstance(key, Payload | InlineBytes) and key.stored_bytes <= MAX_NAME_BYTES:
        text = bytearray(key.stored_bytes)
        key.open()(memoryview(text))
        key = text.decode("latin-1")
    if not isinstance(key, str) or len(key) > MAX_NAME_BYTES:
        raise WeightsError(f"{what}: a layer is named by {_kind(key)}; names are short strings")
    return key


def _stored(what: str, array: object) -> StoredArray:
    if (
        not isinstance(array, PickledArray)
        or array.dtype is None
        or not isinstance(array.data, Payload | InlineBytes)
    ):
        raise WeightsError(f"{what} is {_kind(array)}; weights are arrays of numbers")
    check_element_type(what, array.dtype, array.shape)
    data, block = array.data, None
    if isinstance(data, Payload) and not data.is_text:
        block = Block(data.file, data.offset_bytes, None)
    return StoredArray(
        array.shape, array.dtype, array.fortran_order, data.stored_bytes, data.open, block
    )


def _kind(value: object) -> str:
    """Say what a value is without walking through it: it may hold itself many times."""
    if isinstance(value, PickledArray):
        return f"an array of {value.dtype} and shape {str(value.shape)[:60]}"
    if isinstance(value, Payload | InlineBytes):
        return f"a string of {value.stored_bytes} bytes"
    return f"a value of type {type(value).__name__}"
