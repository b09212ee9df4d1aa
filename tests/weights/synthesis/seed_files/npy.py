"""Npy files: caffe-tensorflow's dicts of both ages and tensorpack's, in all kinds of pickle."""

from __future__ import annotations

import pickle
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from synthesis.programs.python2_pickle import python2_dumps
from synthesis.programs.tensorflow_order import to_tensorflow
from synthesis.seed_files.npz import tensorpack_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from alexnet_cy.network.variants import Variant

Layers = dict[str, dict[str, np.ndarray]]


def as_dicts(layers: Layers) -> object:
    return layers


def as_lists(layers: Layers) -> object:
    return {name: [arrays["weights"], arrays["biases"]] for name, arrays in layers.items()}


def as_bytes_keys(layers: Layers) -> object:
    return {
        name.encode(): {kind.encode(): values for kind, values in arrays.items()}
        for name, arrays in layers.items()
    }


def as_tensorpack(layers: Layers) -> object:
    return tensorpack_names(layers)


def as_fortran(layers: Layers) -> object:
    return {
        name: {kind: np.asfortranarray(values) for kind, values in arrays.items()}
        for name, arrays in layers.items()
    }


def as_big_endian(layers: Layers) -> object:
    return {
        name: {kind: values.astype(">f8") for kind, values in arrays.items()}
        for name, arrays in layers.items()
    }


def as_object_arrays(layers: Layers) -> object:
    pairs = {}
    for name, arrays in layers.items():
        pairs[name] = np.empty(2, object)
        pairs[name][:] = [arrays["weights"], arrays["biases"]]
    return pairs


def npy_bytes(pickled: bytes) -> bytes:
    """Put the header of an object array without axes before its pickle."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + pickled


def write(
    arrange: Callable[[Layers], object],
    dumps: Callable[[object], bytes],
    directory: Path,
    variant: Variant,
    tensors: dict[str, np.ndarray],
) -> Path:
    value = np.array(None, object)
    value[()] = arrange(to_tensorflow(variant, tensors, flat_fc6=arrange is not as_tensorpack))
    path = directory / "network.npy"
    path.write_bytes(npy_bytes(dumps(value)))
    return path


def write_with_numpy(directory: Path, variant: Variant, tensors: dict[str, np.ndarray]) -> Path:
    path = directory / "network.npy"
    np.save(path, to_tensorflow(variant, tensors, flat_fc6=True), allow_pickle=True)
    return path


_protocol = {number: partial(pickle.dumps, protocol=number) for number in (2, 3, 4)}

SEEDS = {
    "npy-numpy": write_with_numpy,
    "npy-python2-lists": partial(write, as_lists, python2_dumps),
    "npy-python2-dicts": partial(write, as_dicts, python2_dumps),
    "npy-python2-tensorpack": partial(write, as_tensorpack, python2_dumps),
    "npy-text-lists": partial(write, as_lists, _protocol[2]),
    "npy-text-dicts": partial(write, as_dicts, _protocol[2]),
    "npy-lists": partial(write, as_lists, _protocol[3]),
    "npy-bytes-keys": partial(write, as_bytes_keys, _protocol[3]),
    "npy-tensorpack": partial(write, as_tensorpack, _protocol[4]),
    "npy-fortran": partial(write, as_fortran, _protocol[4]),
    "npy-big-endian": partial(write, as_big_endian, _protocol[4]),
    "npy-object-arrays": partial(write, as_object_arrays, _protocol[4]),
}
