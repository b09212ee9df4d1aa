"""How much room an output takes on the disk, and whether it is there."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from math import prod

__all__ = ["check_space", "size_text", "space_needed"]


def space_needed(
    row_shapes: Mapping[str, tuple[int, ...]], n_rows: int, dtype: str, copies: float
) -> int:
    """Return the bytes that rows take at the most, while the output is made.

    Parameters
    ----------
    row_shapes : mapping of str to tuple of int
    n_rows : int
        If every image can be read.
    dtype : str
    copies : float
        What the format needs beside the rows themselves, as a multiple of them.
    """
    n_values = sum(prod(shape) for shape in row_shapes.values()) * n_rows
    itemsize = 2 if dtype == "float16" else 4
    return int(n_values * itemsize * (1 + copies))


def check_space(folder: str, needed: int, output: str) -> int:
    """Compare what is needed with what is free.

    Returns
    -------
    int
        Bytes that are free in the folder's file system.

    Raises
    ------
    OSError
        ENOSPC: it will not fit.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise OSError(
            errno.ENOSPC,
            f"needs {size_text(needed)} on the disk and {size_text(free)} are free; ask for "
            "fewer layers, pool or float16, or write to another disk",
            os.fspath(output),
        )
    return free


def size_text(n_bytes: int) -> str:
    """Write a number of bytes as people do: "6.1 GB"."""
    size = float(n_bytes)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
