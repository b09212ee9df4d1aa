"""One .npz file: an array for each layer, "files" and "metadata"."""

from __future__ import annotations

import json
import shutil
import zipfile
from typing import Any

import numpy as np

from alexnet_cy.extraction.formats.finished import Finished, metadata_text

__all__ = ["read_metadata", "write"]

FILES_KEY = "files"
METADATA_KEY = "metadata"


def write(finished: Finished, path: str) -> None:
    """Write it; rows are copied piece by piece, so they need no memory."""
    texts = {
        FILES_KEY: np.array(finished.names, dtype=np.str_),
        METADATA_KEY: np.array(metadata_text(finished.metadata)),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for key, text in texts.items():
            with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w") as member:
                np.lib.format.write_array(member, text, allow_pickle=False)
        for layer, rows in finished.paths.items():
            # A ZipInfo's date is 1980: the same features make the same file.
            info = zipfile.ZipInfo(f"{layer}.npy")
            with archive.open(info, "w", force_zip64=True) as member, open(rows, "rb") as stream:
                shutil.copyfileobj(stream, member, 1 << 20)


def read_metadata(path: str) -> dict[str, Any]:
    """Read the metadata alone."""
    with open(path, "rb") as stream, np.load(stream) as archive:
        metadata: dict[str, Any] = json.loads(archive[METADATA_KEY].item())
        return metadata
