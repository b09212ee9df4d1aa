"""What every format is made from: rows on disk, the names of their images, and metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alexnet_cy.extraction.form import Rows

__all__ = ["Finished", "metadata_text", "plain_text"]


@dataclass(frozen=True, slots=True)
class Finished:
    """Rows of layers, complete.

    Attributes
    ----------
    paths : mapping of str to str
        For each layer, the .npy file of its rows.
    names : list of str
        Of the images, row by row.
    errors : list of (str or None)
        Row by row: why it is NaN, or None.
    metadata : mapping
        What can be JSON; the same rows have the same metadata.
    """

    paths: Mapping[str, str]
    names: list[str]
    errors: list[str | None]
    metadata: Mapping[str, Any]

    def rows(self, layer: str) -> Rows:
        """Map the rows of a layer into memory."""
        # Nothing cannot be mapped.
        rows: Rows = np.load(self.paths[layer], mmap_mode="r" if self.names else None)
        return rows


def metadata_text(metadata: Mapping[str, Any], indent: int | None = None) -> str:
    """Return metadata as JSON in ASCII, whatever is in the names."""
    return json.dumps(metadata, indent=indent)


def plain_text(name: str) -> str:
    r"""Return a name as UTF-8 can hold it: a byte of another encoding becomes \udc80 and so on."""
    return name.encode("utf-8", "backslashreplace").decode()
