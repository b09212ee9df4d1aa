"""Features that were written to files, with the names of their images."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.records import record
from alexnet_cy.extraction.extras import open_hdf5

__all__ = ["FileFeatures", "read_features"]

# What `alexnet-cy features` calls what is no layer in a file.
NAMES_KEY = "files"
NO_LAYERS = (NAMES_KEY, "metadata", "errors")

NAMES_FILE = "file_names.txt"
"""The names of a folder of .npy files, a line for each row."""


@record(frozen=True, slots=True)
class FileFeatures:
    """One layer's features.

    Attributes
    ----------
    layer : str
    values : ndarray, shape (N, ...)
        Of a .npy file, mapped and not read.
    names : list of str
        The names of the images, or "0", "1", ... where the file has none.
    """

    layer: str
    values: NDArray[Any]
    names: list[str]


def read_features(path: str | os.PathLike[str], layer: str | None = None) -> FileFeatures:
    """Read features as `alexnet-cy features` and thingsvision write them.

    Parameters
    ----------
    path : path-like
        A .npz or .h5 file with an array for each layer and "files"; a .npy file, whose names are
        in a .npy.json file or in file_names.txt beside it; or a folder of .npy files, one for each
        layer, with file_names.txt.
    layer : str, optional
        Which one; it may be left out if there is only one.

    Raises
    ------
    ImportError
        HDF5 needs the extra ``hdf5``.
    OSError
        There is no such file, or it cannot be read.
    ValueError
        It is nothing of the above or damaged, has no such layer or several, or its names are of
        another number than its rows.
    """
    name = os.fsdecode(path)
    if os.path.isdir(name):
        found = _of_folder(name, layer)
    elif name.endswith(".npz"):
        found = _of_npz(name, layer)
    elif name.endswith(".npy"):
        found = _of_npy(name, layer or os.path.basename(name)[: -len(".npy")])
    elif name.endswith((".h5", ".hdf5")):
        found = _of_hdf5(name, layer)
    else:
        raise ValueError(f"{name!r}: need .npz, .npy, .h5 or .hdf5, or a folder of .npy files")
    return found


class _Unfit(ValueError):
    """A file that can be read and holds something else than what is wanted."""


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Make an error that says which file it is of whatever reading it raises."""
    if os.path.exists(name) and not os.path.isfile(name):
        raise OSError(f"{name!r}: is no regular file")
    try:
        yield
    except (_Unfit, ImportError, MemoryError):
        raise
    except OSError as error:
        if error.filename is not None:  # then it says which
            raise
        raise OSError(f"{name!r}: cannot be read: {error}") from error
    except Exception as error:  # what NumPy, zipfile and h5py raise of damaged files is endless
        raise ValueError(f"{name!r}: cannot be read, it may be damaged: {error}") from error


def _of_npz(name: str, layer: str | None) -> FileFeatures:
    with _reading(name), open(name, "rb") as stream:
        archive = np.load(stream, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise _Unfit(f"{name!r}: is no .npz file, whatever its name says")
        chosen = _chosen(name, archive.files, layer)
        names = archive[NAMES_KEY].tolist() if NAMES_KEY in archive.files else None
        return _checked(name, chosen, archive[chosen], names)


def _of_hdf5(name: str, layer: str | None) -> FileFeatures:
    with _reading(name), open_hdf5(name) as file:
        chosen = _chosen(name, [key for key in file if isinstance(key, str)], layer)
        names = file[NAMES_KEY].asstr()[()].tolist() if NAMES_KEY in file else None
        return _checked(name, chosen, file[chosen][()], names)


def _of_folder(name: str, layer: str | None) -> FileFeatures:
    layers = sorted(entry[:-4] for entry in os.listdir(name) if entry.endswith(".npy"))
    chosen = _chosen(name, layers, layer)
    return _of_npy(os.path.join(name, f"{chosen}.npy"), chosen)


def _of_npy(name: str, layer: str) -> FileFeatures:
    names: object = None
    beside = f"{name}.json"
    listed = os.path.join(os.path.dirname(name), NAMES_FILE)
    with _reading(name):
        values = np.load(name, mmap_mode="r", allow_pickle=False)
    if os.path.isfile(beside):
        with _reading(beside), open(beside, encoding="utf-8") as file:
            names = json.load(file)[NAMES_KEY]
    elif os.path.isfile(listed):
        with open(listed, encoding="utf-8", errors="surrogateescape") as file:
            names = file.read().removesuffix("\n").split("\n")
    return _checked(name, layer, values, names)


def _checked(name: str, layer: str, values: Any, names: Any) -> FileFeatures:
    """Return what a file holds, if it is features with a name for each row."""
    if not isinstance(values, np.ndarray) or values.ndim < 2:
        raise _Unfit(f"{name!r}: {layer} has shape {np.shape(values)}, need (N, ...)")
    if names is None:
        names = [str(i) for i in range(len(values))]
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise _Unfit(f"{name!r}: the names of its images are no list of texts")
    if len(names) != len(values):
        raise _Unfit(f"{name!r}: {layer} has {len(values)} rows and {len(names)} names")
    return FileFeatures(layer, values, names)


def _chosen(name: str, keys: Iterable[str], layer: str | None) -> str:
    """Return the layer that was asked for, or the only one."""
    layers = [key for key in keys if key not in NO_LAYERS]
    if layer is None and len(layers) == 1:
        return layers[0]
    if layer not in layers:
        asked = "name one of them" if layer is None else f"there is no {layer!r}"
        raise _Unfit(f"{name!r}: has the layers {', '.join(layers) or 'none'}; {asked}")
    return layer
