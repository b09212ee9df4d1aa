"""The journal of an extraction: how far it is, a line for every commit."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any

from alexnet_cy.contracts.scalars import as_count

__all__ = ["JOURNAL", "Progress", "read_progress"]

JOURNAL = "journal.jsonl"


@dataclass
class Progress:
    """How far an extraction is.

    Attributes
    ----------
    done : int
        Images that have been looked at.
    rows : int
        Rows that they gave.
    skipped : list of (int, str)
        Index and error of the images that could not be read.
    packed : bool
        Whether the output is complete, and only needs to be put into its place.
    """

    done: int = 0
    rows: int = 0
    skipped: list[tuple[int, str]] = field(default_factory=list)
    packed: bool = False


def read_progress(folder: str) -> tuple[Progress, int]:
    """Read the journal of a folder.

    Returns
    -------
    Progress
        Nothing done if there is no journal.
    int
        Bytes of the journal's lines that are whole.

    Raises
    ------
    OSError
        It cannot be read; or a line is not what this package writes, so that nobody can know which
        rows are whose.
    """
    progress, end = Progress(), 0
    path = os.path.join(folder, JOURNAL)
    try:
        stream = open(path, "rb")
    except FileNotFoundError:
        return progress, end
    with stream:
        for number, line in enumerate(stream, 1):
            if not line.endswith(b"\n"):
                break
            try:
                _take(progress, json.loads(line))
            except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
                raise OSError(f"{path}: is damaged in line {number}; delete {folder}") from error
            end += len(line)
    return progress, end


def _take(progress: Progress, entry: Any) -> None:
    """Add a line to what the lines before it say; one of many errors if it does not fit."""
    done, rows = (as_count(entry[key], key, minimum=0) for key in ("done", "rows"))
    skipped = [(as_count(index, "skipped", minimum=0), error) for index, error in entry["skipped"]]
    packed = entry.get("packed", False)
    indices = [index for index, _ in (*progress.skipped[-1:], *skipped)]
    n_skipped = len(progress.skipped) + len(skipped)
    if (
        done < progress.done
        or rows not in (done, done - n_skipped)
        or indices != sorted(set(indices))
        or any(index >= done for index in indices)
        or not all(isinstance(error, str) for _, error in skipped)
        or not isinstance(packed, bool)
    ):
        raise ValueError("is no line of a journal")
    progress.done, progress.rows, progress.packed = done, rows, packed
    progress.skipped += skipped
