"""Libraries that only some files need: an extra of the package each."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

__all__ = ["import_extra", "open_hdf5"]


def import_extra(module: str, extra: str) -> Any:
    """Import a library.

    Raises
    ------
    ImportError
        It is missing; the message says how to get it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        library = module.partition(".")[0]
        raise ImportError(
            f"this needs {library}, which is not installed: pip install 'alexnet-cy[{extra}]'"
        ) from error


def open_hdf5(path: str) -> Any:
    """Open an HDF5 file to read it: an h5py.File.

    Raises
    ------
    ImportError
        h5py is missing.
    OSError
        There is no such file, or it is no HDF5. (HDF5 itself waits for ever for a FIFO.)
    """
    h5py = import_extra("h5py", "hdf5")
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(f"{path}: is no regular file")
    return h5py.File(path, "r")
