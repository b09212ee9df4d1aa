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
from alexnet_cy.weights.arrays.dicts import flatten, kind_of, stored_array
from alexnet_cy.weights.arrays.payloads import extract_payloads
from alexnet_cy.weights.arrays.stored_arrays import StoredArray, network_file
from alexnet_cy.weights.arrays.unpickler import PickledArray, load_arrays
from alexnet_cy.weights.files import as_weights_error, open_file

if TYPE_CHECKING:
    import os

    from alexnet_cy.weights.network_file import NetworkFile

__all__ = ["MAX_HEADER_BYTES", "read", "read_header"]

MAX_DEPTH = 2  # a dict of layers, each a dict
MAX_HEADER_BYTES = 10_000  # what NumPy itself accepts from files that it does not trust


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
    held = _only_object(root)
    if not isinstance(held, dict):
        raise WeightsError(f"{what}: holds {kind_of(held)}; weights in .npy are a dict of arrays")
    for name, array in flatten(what, held, MAX_DEPTH):
        if name in arrays:
            raise WeightsError(f"{what}: {name!r} occurs twice")
        arrays[name] = stored_array(f"{what}: {name!r}", array)
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
