"""One HDF5 file: a dataset for each layer, "files", "errors", and "metadata" as an attribute."""

from __future__ import annotations

import json
from typing import Any

from alexnet_cy.extraction.extras import import_extra
from alexnet_cy.extraction.formats.finished import Finished, metadata_text, plain_text

__all__ = ["read_metadata", "write"]

ROWS_AT_A_TIME = 256


def write(finished: Finished, path: str) -> None:
    """Write it; rows are copied piece by piece."""
    h5py = import_extra("h5py", "hdf5")
    with h5py.File(path, "w") as file:
        text = h5py.string_dtype("utf-8")
        file.create_dataset("files", data=list(map(plain_text, finished.names)), dtype=text)
        # The reason why a row is NaN; empty for all others.
        file.create_dataset(
            "errors", data=[plain_text(e or "") for e in finished.errors], dtype=text
        )
        file.attrs["metadata"] = metadata_text(finished.metadata)
        for layer in finished.paths:
            rows = finished.rows(layer)
            dataset = file.create_dataset(layer, shape=rows.shape, dtype=rows.dtype)
            for i in range(0, len(rows), ROWS_AT_A_TIME):
                dataset[i : i + ROWS_AT_A_TIME] = rows[i : i + ROWS_AT_A_TIME]


def read_metadata(path: str) -> dict[str, Any]:
    """Read the metadata alone."""
    with import_extra("h5py", "hdf5").File(path, "r") as file:
        metadata: dict[str, Any] = json.loads(file.attrs["metadata"])
        return metadata
