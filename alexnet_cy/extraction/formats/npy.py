"""One .npy file of one layer; names and metadata in a .json file beside it."""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

from alexnet_cy.extraction.formats.finished import Finished

__all__ = ["beside", "read_metadata", "write", "write_beside"]


def beside(output: str) -> str:
    """Return the path of the file with names and metadata."""
    return f"{output}.json"


def write(finished: Finished, path: str) -> None:
    """Write the rows: their file under another name, or a copy of it."""
    (rows,) = finished.paths.values()
    if os.path.exists(path):
        os.unlink(path)
    try:
        os.link(rows, path)
    except OSError:
        shutil.copyfile(rows, path)


def write_beside(finished: Finished, path: str) -> None:
    """Write names and metadata."""
    content = {"files": finished.names, "metadata": finished.metadata}
    with open(path, "w", encoding="ascii") as stream:
        json.dump(content, stream, indent=2)


def read_metadata(path: str) -> dict[str, Any]:
    """Read the metadata alone."""
    with open(beside(path), encoding="ascii") as stream:
        metadata: dict[str, Any] = json.load(stream)["metadata"]
        return metadata
