"""Reader of HDF5, with h5py: Keras' weights and Caffe's ``.caffemodel.h5``.

h5py finds the datasets; the numbers of those that lie in one piece are read by position, as from
every other format, so that the library is not needed any more. What is in pieces or compressed is
read by h5py when it is asked for. Links to other files, datasets that lie in other files and
filters other than gzip's are refused.

Keras has ``layer/layer/kernel:0`` (HWIO, or (in, out)) and, since version 3,
``layers/layer/vars/0``; Caffe has ``data/conv1/0`` (O, I, H, W); `heuritech` has its own rules.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays.stored_arrays import (
    Block,
    StoredArray,
    check_element_type,
    network_file,
)
from alexnet_cy.weights.files import as_weights_error, open_file
from alexnet_cy.weights.frameworks.heuritech import heuritech_network

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from alexnet_cy.weights.files import WeightsFile
    from alexnet_cy.weights.network_file import NetworkFile
    from alexnet_cy.weights.stored_floats import Fill

__all__ = ["read"]

MAX_OBJECTS = 2000
MAX_DEPTH = 12
MAX_NAME_CHARACTERS = 256

# gzip, and the reordering of bytes that makes it better (H5Zpublic.h).
_FILTERS = frozenset({1, 2, 3})
# What deflate can make of a byte (zlib.net/zlib_tech.html).
_MAX_EXPANSION = 1032

_NOT_WEIGHTS = ("optimizer", "optimizer_weights", "training_config", "metrics")


class _Found(NamedTuple):
    """A dataset."""

    name: str
    array: StoredArray


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
        h5py is not installed, the file is damaged, or it holds what is no array of numbers.
    """
    file = open_file(path)
    h5py = _library(file)
    with (
        as_weights_error(f"{file.path!r}: the HDF5 file"),
        h5py.File(file.stream(), "r") as archive,
    ):
        found = list(_datasets(file, h5py, archive))
    network = heuritech_network(file.path, {name: array for name, array in found})
    if network is not None:
        return network
    is_keras3 = any("/vars/" in name for name, _ in found)
    arrays = {_plain_name(name, is_keras3=is_keras3): array for name, array in found}
    if not arrays:
        raise WeightsError(f"{file.path!r}: an HDF5 file without any arrays of numbers")
    return network_file("hdf5", arrays, None, {})


def _library(file: WeightsFile) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise WeightsError(
            f"{file.path!r}: HDF5 (Keras, or Caffe's .caffemodel.h5) is read with h5py, which is "
            'not installed: pip install "alexnet-cy[hdf5]"'
        ) from error
    return h5py


def _datasets(file: WeightsFile, h5py: Any, archive: Any) -> Iterator[_Found]:
    """Walk through the groups, and yield every dataset of numbers."""
    waiting: list[tuple[str, Any, int]] = [("", archive, 0)]
    for _ in range(MAX_OBJECTS):
        if not waiting:
            return
        name, value, depth = waiting.pop(0)
        if isinstance(value, h5py.Group):
            if depth == MAX_DEPTH:
                raise WeightsError(f"{file.path!r}: groups nested more than {MAX_DEPTH} deep")
            inner = []
            for key in _ordered_keys(value):
                if key in _NOT_WEIGHTS:
                    continue
                _check_link(file, h5py, value, key)
                inner.append((f"{name}/{key}" if name else key, value[key], depth + 1))
            waiting = inner + waiting
        elif isinstance(value, h5py.Dataset) and value.shape:
            yield _Found(name, _stored(file, f"{file.path!r}: {name[:80]!r}", name, value))
    raise WeightsError(f"{file.path!r}: more than {MAX_OBJECTS} groups and datasets")


def _ordered_keys(group: Any) -> list[str]:
    """Return the names in a group, in Keras' order of layers where it is noted."""
    keys = [str(key) for key in group]
    noted = group.attrs.get("layer_names")
    if noted is None or len(noted) > MAX_OBJECTS:
        return keys
    order = [name.decode() if isinstance(name, bytes) else str(name) for name in noted]
    return [key for key in order if key in keys] + [key for key in keys if key not in order]


def _check_link(file: WeightsFile, h5py: Any, group: Any, key: str) -> None:
    if len(key) > MAX_NAME_CHARACTERS:
        raise WeightsError(f"{file.path!r}: a name of {len(key)} characters")
    link = group.get(key, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise WeightsError(
            f"{file.path!r}: {key[:80]!r} is a link, perhaps to another file; weights must be in "
            "the file itself"
        )


def _stored(file: WeightsFile, what: str, name: str, dataset: Any) -> StoredArray:
    shape, dtype = tuple(int(size) for size in dataset.shape), np.dtype(dataset.dtype)
    check_element_type(what, dtype, shape)
    if dataset.is_virtual or dataset.external:
        raise WeightsError(f"{what}: its numbers are in another file")
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
    if not filters <= _FILTERS:
        raise WeightsError(f"{what}: compressed by a filter that is not gzip")
    stored_bytes = int(dataset.id.get_storage_size())
    size_bytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if stored_bytes > file.size_bytes or size_bytes > _MAX_EXPANSION * stored_bytes:
        raise WeightsError(
            f"{what}: {size_bytes} bytes of numbers, of which {stored_bytes} are in the file"
        )
    offset = dataset.id.get_offset()
    if dataset.chunks is None and not filters and offset is not None:
        block = Block(file, int(offset), None)
        return StoredArray(shape, dtype, False, size_bytes, _Reader(file, name), block)
    return StoredArray(shape, dtype, False, stored_bytes, _Reader(file, name), None)


class _Reader:
    """Reads a dataset with h5py, and hands out its bytes."""

    def __init__(self, file: WeightsFile, name: str) -> None:
        self._file = file
        self._name = name

    def __call__(self) -> Fill:
        file = self._file
        h5py = _library(file)
        with (
            as_weights_error(f"{file.path!r}: {self._name[:80]!r}"),
            h5py.File(file.stream(), "r") as archive,
        ):
            stream = io.BytesIO(np.ascontiguousarray(archive[self._name][()]).tobytes())

        def fill(target: memoryview) -> None:
            if stream.readinto(target) != target.nbytes:
                raise WeightsError(f"{file.path!r}: an array is longer than its bytes")

        return fill


def _plain_name(name: str, *, is_keras3: bool) -> str:
    """Return a name without TensorFlow's ":0", and with Keras 3's numbers as kinds."""
    plain = name.removesuffix(":0")
    if is_keras3:
        for number, kind in (("/vars/0", "/kernel"), ("/vars/1", "/bias")):
            if plain.endswith(number):
                plain = plain.removesuffix(number) + kind
    return plain
