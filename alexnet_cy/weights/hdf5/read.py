"""Reader of HDF5: Keras' weights and Caffe's ``.caffemodel.h5``.

Keras has ``layer/layer/kernel:0`` (HWIO, or (in, out)) and, since version 3,
``layers/layer/vars/0``; Caffe has ``data/conv1/0`` (O, I, H, W); `heuritech` has its own rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays.stored_arrays import StoredArray, network_file
from alexnet_cy.weights.files import as_weights_error, open_file
from alexnet_cy.weights.hdf5.datasets import dataset, texts
from alexnet_cy.weights.hdf5.heuritech import heuritech_network
from alexnet_cy.weights.hdf5.keras import KerasNotes, checked_epsilon
from alexnet_cy.weights.hdf5.objects import Archive

if TYPE_CHECKING:
    import os

    from alexnet_cy.weights.network_file import NetworkFile

__all__ = ["read"]

MAX_OBJECTS = 2000
MAX_DEPTH = 12

# The kind of each of Keras 3's numbers; a batch normalisation has four.
_KERAS3 = {"0": "kernel", "1": "bias"}
_KERAS3_NORM = {"0": "gamma", "1": "beta", "2": "moving_mean", "3": "moving_variance"}

_NOT_WEIGHTS = ("optimizer", "optimizer_weights", "training_config", "metrics")


def read(path: str | os.PathLike[str]) -> NetworkFile:
    """Read the structure of an HDF5 file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    NetworkFile
        `format` is "hdf5".

    Raises
    ------
    WeightsError
        The file is damaged, or it holds what is no array of numbers.
    """
    file = open_file(path)
    with as_weights_error(f"{file.path!r}: the HDF5 file"):
        found, notes = _walk(Archive(file))
    network = heuritech_network(file.path, found)
    if network is not None:
        return network
    is_keras3 = any("/vars/" in name for name in found)
    arrays = {_plain_name(name, is_keras3=is_keras3): array for name, array in found.items()}
    if not arrays:
        raise WeightsError(f"{file.path!r}: an HDF5 file without any arrays of numbers")
    epsilon = checked_epsilon(file.path, list(arrays), notes)
    return network_file("hdf5", arrays, None, {}, epsilon=epsilon)


def _walk(archive: Archive) -> tuple[dict[str, StoredArray], KerasNotes]:
    """Walk through the groups; return every dataset of numbers by its path, and Keras's notes."""
    path = f"{archive.file.path!r}"
    found: dict[str, StoredArray] = {}
    noted_names: list[str] = []
    noted_config = ""
    waiting = [("", archive.root(), 0)]
    for _ in range(MAX_OBJECTS):
        if not waiting:
            return found, KerasNotes(noted_names, noted_config)
        name, address, depth = waiting.pop()
        messages = archive.messages(address)
        array = dataset(archive, f"{path}: {name[:80]!r}", messages)
        if array is not None:
            found[name] = array
            continue
        links = archive.links(messages)
        if links and depth == MAX_DEPTH:
            raise WeightsError(f"{path}: groups nested more than {MAX_DEPTH} deep")
        layer_names = texts(archive, messages, "layer_names")
        noted_names = noted_names or layer_names
        if depth == 0:
            noted_config = "".join(texts(archive, messages, "model_config"))
        order = [key for key in layer_names if key in links]
        inner = [key for key in dict.fromkeys([*order, *links]) if key not in _NOT_WEIGHTS]
        prefix = f"{name}/" if name else ""
        waiting += [(prefix + key, links[key], depth + 1) for key in reversed(inner)]
    raise WeightsError(f"{path}: more than {MAX_OBJECTS} groups and datasets")


def _plain_name(name: str, *, is_keras3: bool) -> str:
    """Return a name without TensorFlow's ":0", and with Keras 3's numbers as kinds."""
    plain = name.removesuffix(":0")
    if is_keras3:
        path, _, number = plain.rpartition("/")
        kinds = _KERAS3_NORM if "normalization" in path else _KERAS3
        if path.endswith("/vars") and number in kinds:
            plain = f"{path.removesuffix('vars')}{kinds[number]}"
    return plain
