"""A folder: one memory-mappable .npy file for each layer, and the names of the images.

``file_names.txt`` has one name a line in the order of the rows, as thingsvision writes it;
``features.json`` has the metadata. The folder of the unfinished extraction becomes the output, so
that the rows are not copied.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any

from alexnet_cy.extraction.formats.finished import Finished, metadata_text
from alexnet_cy.extraction.journal import JOURNAL
from alexnet_cy.extraction.unfinished import MANIFEST, write_whole

__all__ = ["FILE_NAMES", "METADATA_FILE", "check_names", "complete", "read_metadata"]

FILE_NAMES, METADATA_FILE = "file_names.txt", "features.json"


def check_names(names: Sequence[str]) -> None:
    """Refuse a name that would be two lines of file_names.txt; ValueError."""
    for name in names:
        if "\n" in name or "\r" in name:
            raise ValueError(
                f"output: {name!r} would be two lines of {FILE_NAMES}; write .npz, or rename it"
            )


def complete(finished: Finished, folder: str) -> None:
    """Write names and metadata beside the rows."""
    text = "".join(f"{name}\n" for name in finished.names)
    write_whole(os.path.join(folder, FILE_NAMES), text)
    metadata = metadata_text(finished.metadata, indent=2) + "\n"
    write_whole(os.path.join(folder, METADATA_FILE), metadata)


def clear(folder: str) -> None:
    """Remove what only an unfinished extraction needs; the manifest last."""
    for name in (JOURNAL, MANIFEST):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            os.unlink(path)


def read_metadata(path: str) -> dict[str, Any]:
    """Read the metadata alone."""
    with open(os.path.join(path, METADATA_FILE), encoding="utf-8") as stream:
        metadata: dict[str, Any] = json.load(stream)
        return metadata
