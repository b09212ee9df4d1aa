"""Reader of pickles of NumPy arrays: flax's, Paddle's, and whatever else is a dict of arrays.

flax has nested dicts, ``{"Conv_0": {"kernel": (H, W, I, O), "bias": (O,)}}``. Paddle has flat ones
with fully connected layers as (in, out), and its AlexNet (PaddleClas, ppcls/arch/backbone/
model_zoo/alexnet.py; the same in paddle.vision) halves the inputs of fc6 and fc7 when it is used:
``Dropout(0.5, mode="downscale_in_infer")``. Here their weights are halved instead, which changes no
bit of a fraction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays.dicts import flatten, kind_of, stored_array
from alexnet_cy.weights.arrays.payloads import extract_payloads
from alexnet_cy.weights.arrays.stored_arrays import is_counter, network_file
from alexnet_cy.weights.arrays.unpickler import PickledArray, load_arrays
from alexnet_cy.weights.files import as_weights_error, open_file
from alexnet_cy.weights.graphs.derived import Computed
from alexnet_cy.weights.network_file import NetworkFile

if TYPE_CHECKING:
    import os

    from alexnet_cy.weights.files import WeightsFile

__all__ = ["read", "read_region"]

MAX_DEPTH = 8  # flax nests modules

# What paddle.save adds to a state dict.
_PADDLE_KEY = "StructuredToParameterName@@"
_PADDLE_LAYERS = {"_fc6.weight", "_fc7.weight", "_fc8.weight"}
_PADDLE_HALVED = ("fc6.weight", "fc7.weight")


def read(path: str | os.PathLike[str]) -> NetworkFile:
    """Read the structure of a pickle of arrays.

    Parameters
    ----------
    path : path-like
        A pickle of protocol 2 to 5 that holds a dict of arrays, or of dicts of arrays.

    Returns
    -------
    NetworkFile
        `format` is "pickle".

    Raises
    ------
    WeightsError
        The pickle is cut off or garbled, or holds no dict of arrays.
    """
    file = open_file(path)
    return read_region(file, "pickle", 0, file.size_bytes)


def read_region(file: WeightsFile, format_name: str, start: int, end: int) -> NetworkFile:
    """Read a pickle of arrays that is a part of a file.

    Parameters
    ----------
    file : WeightsFile
    format_name : str
        What `NetworkFile.format` becomes.
    start, end : int
        Where in the file the pickle begins and ends.
    """
    what = f"{file.path!r}"
    pickled, payloads = extract_payloads(file, start, end)
    with as_weights_error(f"{what}: the pickle"):
        root = load_arrays(pickled, payloads, objects=True)
    if not isinstance(root, dict):
        raise WeightsError(
            f"{what}: a pickle that holds {kind_of(root)}; a dict of NumPy arrays is read, or a "
            "state dict as torch.save writes it"
        )
    values = {
        name: value
        for name, value in flatten(what, root, MAX_DEPTH)
        if isinstance(value, PickledArray) and not _is_counter(value)
    }
    is_alexnet = values.keys() >= _PADDLE_LAYERS
    arrays = {name: stored_array(f"{what}: {name!r}", value) for name, value in values.items()}
    if not arrays:
        raise WeightsError(f"{what}: a pickle without any NumPy arrays")
    found = network_file(
        format_name, arrays, None, {}, transposed_linear=is_alexnet or _PADDLE_KEY in root
    )
    return _halved(found) if is_alexnet else found


def _is_counter(array: PickledArray) -> bool:
    return not array.shape or (array.dtype is not None and is_counter(array.dtype, array.shape))


def _halved(found: NetworkFile) -> NetworkFile:
    """Halve what Paddle's network halves the inputs of."""
    tensors = dict(found.tensors)
    for name in _PADDLE_HALVED:
        if name in tensors:
            whole = tensors[name]  # a power of two, which changes no bit of the fractions
            tensors[name] = Computed(whole.shape, lambda array: array * 0.5, whole)
    metadata = {**found.metadata, "halved": ", ".join(_PADDLE_HALVED)}
    # The names are those of Paddle's class, whose settings are torchvision's.
    return NetworkFile(found.format, tensors, "torchvision", metadata)
