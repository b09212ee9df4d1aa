"""One MAT file (version 5) for MATLAB: an array for each layer, "files" and "metadata".

The axes are those of NumPy, in this order: size(conv5) is images x channels x height x width, and
conv5(i, c, y, x) is channel c of image i. MATLAB's own activations are height x width x channels x
images: permute(conv5, [3 4 2 1]).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from alexnet_cy.extraction.extras import import_extra
from alexnet_cy.extraction.formats.finished import Finished, metadata_text, plain_text

__all__ = ["check", "read_metadata", "variable_name", "write"]

MAX_BYTES = 2**31 - 1
"""Of one variable: "MAT-File Format", level 5, counts the bytes of an element in 32 bits, and
MATLAB reads up to 2^31."""

HEADER_TEXT = b"MATLAB 5.0 MAT-file, written by alexnet_cy".ljust(116)
"""The header's text of 116 bytes, without the date that scipy writes there, so that the same
features make the same file."""


def check(row_shapes: Mapping[str, tuple[int, ...]], n_rows: int, itemsize: int) -> None:
    """Refuse what the format cannot hold, before any work is done; ValueError."""
    for layer, shape in row_shapes.items():
        size = prod(shape) * n_rows * itemsize
        if size > MAX_BYTES:
            raise ValueError(
                f"output: {layer} takes {size} bytes, and a variable of a .mat file holds "
                f"{MAX_BYTES}; write .h5, which MATLAB reads with h5read"
            )


def variable_name(layer: str) -> str:
    """Return a layer's name as MATLAB allows it: letters, digits and underscores."""
    return re.sub(r"\W", "_", layer, flags=re.ASCII)


def write(finished: Finished, path: str) -> None:
    """Write it; the rows of a layer are held in memory."""
    scipy_io = import_extra("scipy.io", "mat")
    files = np.empty((len(finished.names), 1), dtype=object)
    files[:, 0] = list(map(plain_text, finished.names))
    arrays: dict[str, Any] = {"files": files, "metadata": metadata_text(finished.metadata)}
    for layer in finished.paths:
        rows = finished.rows(layer)
        # MATLAB has no half precision in this format.
        arrays[variable_name(layer)] = np.asarray(rows, np.float32)
    with open(path, "wb") as stream:
        scipy_io.savemat(stream, arrays, oned_as="column")
        stream.seek(0)
        stream.write(HEADER_TEXT)


def read_metadata(path: str) -> dict[str, Any]:
    """Read the metadata alone."""
    arrays = import_extra("scipy.io", "mat").loadmat(path, variable_names=["metadata"])
    metadata: dict[str, Any] = json.loads(str(arrays["metadata"].item()))
    return metadata
