"""Features that were written to files, with the names of their images."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.records import record
from alexnet_cy.extraction.extras import import_extra

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
        It is nothing of the above, has no such layer or several, or its names are of another
        number than its rows.
    """
    name = os.fspath(path)
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
    if found.values.ndim < 2:
        raise ValueError(f"{name!r}: {found.layer} has shape {found.values.shape}, need (N, ...)")
    if len(found.names) != len(found.values):
        raise ValueError(
            f"{name!r}: {found.layer} has {len(found.values)} rows and {len(found.names)} names"
        )
    return found


def _of_npz(name: str, layer: str | None) -> FileFeatures:
    with np.load(name, allow_pickle=False) as archive:
        layers = [key for key in archive.files if key not in NO_LAYERS]
        chosen = _chosen(name, layers, layer)
        values = archive[chosen]
        known = NAMES_KEY in archive.files
        names = archive[NAMES_KEY].tolist() if known else _numbered(values)
    return FileFeatures(chosen, values, names)


def _of_hdf5(name: str, layer: str | None) -> FileFeatures:
    with import_extra("h5py", "hdf5").File(name, "r") as file:
        layers = [key for key in file if key not in NO_LAYERS]
        chosen = _chosen(name, layers, layer)
        values = file[chosen][...]
        names = list(file[NAMES_KEY].asstr()) if NAMES_KEY in file else _numbered(values)
    return FileFeatures(chosen, values, names)


def _of_folder(name: str, layer: str | None) -> FileFeatures:
    layers = sorted(entry[:-4] for entry in os.listdir(name) if entry.endswith(".npy"))
    chosen = _chosen(name, layers, layer)
    return _of_npy(os.path.join(name, f"{chosen}.npy"), chosen)


def _of_npy(name: str, layer: str) -> FileFeatures:
    values = np.load(name, mmap_mode="r", allow_pickle=False)
    beside = f"{name}.json"
    listed = os.path.join(os.path.dirname(name), NAMES_FILE)
    if os.path.isfile(beside):
        with open(beside, encoding="utf-8") as file:
            names = json.load(file)[NAMES_KEY]
    elif os.path.isfile(listed):
        with open(listed, encoding="utf-8", errors="surrogateescape") as file:
            names = file.read().removesuffix("\n").split("\n")
    else:
        names = _numbered(values)
    return FileFeatures(layer, values, names)


def _chosen(name: str, layers: list[str], layer: str | None) -> str:
    """Return the layer that was asked for, or the only one."""
    if layer is None and len(layers) == 1:
        return layers[0]
    if layer not in layers:
        asked = "name one of them" if layer is None else f"there is no {layer!r}"
        raise ValueError(f"{name!r}: has the layers {', '.join(layers) or 'none'}; {asked}")
    return layer


def _numbered(values: NDArray[Any]) -> list[str]:
    return [str(i) for i in range(len(values))]
