"""Lists of images in text files: one path a line, or a column of a CSV."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import TextIO

from alexnet_cy.errors import ImageError

__all__ = ["read_list"]

TABLES = {".csv": ",", ".tsv": "\t"}
USUAL_COLUMNS = ("path", "file", "filename", "file_name", "image", "image_path", "stimulus")
"""Headers that are taken for the column of paths where none is named."""


def read_list(
    source: str | os.PathLike[str] | TextIO,
    column: str | None = None,
    root: str | os.PathLike[str] | None = None,
) -> list[str]:
    """Read paths from a list, in its order.

    Parameters
    ----------
    source : path or text file
        One path a line, taken literally; empty lines do not count. A name that ends in ``.csv`` or
        ``.tsv`` is a table whose first line has the names of its columns.
    column : str, optional
        The table's column of paths; makes a table of any source. Without it, the only column, or
        the one that is called path, file, image or the like.
    root : path, optional
        What the paths are relative to; the current folder if left out.

    Returns
    -------
    list of str

    Raises
    ------
    ImageError
        The list cannot be read, has no path in it, or no such column.
    """
    if not isinstance(source, (str, os.PathLike)):
        name, paths = str(getattr(source, "name", "the list")), _paths(source, "", column)
    else:
        name = os.fsdecode(source)
        try:
            # Names of files that are not UTF-8 come and go as they are.
            with open(name, encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
                paths = _paths(stream, name, column)
        except OSError as error:
            raise ImageError(f"{name!r}: {error.strerror}") from error
    if not paths:
        raise ImageError(f"{name!r}: there is no path in this list")
    return paths if root is None else [os.path.join(root, path) for path in paths]


def _paths(lines: Iterable[str], name: str, column: str | None) -> list[str]:
    ending = os.path.splitext(name)[1].lower()
    if column is None and ending not in TABLES:
        return [path for line in lines if (path := line.rstrip("\r\n"))]
    table = csv.DictReader(lines, delimiter=TABLES.get(ending, ","))
    headers = list(table.fieldnames or [])
    key = column if column is not None else _column_of_paths(headers)
    if key is None or key not in headers:
        wanted = "column of paths" if column is None else f"column {column!r}"
        raise ImageError(
            f"{name or 'the list'!r}: has no {wanted}; its columns are {', '.join(headers)}: "
            "name one with column= (--column)"
        )
    return [row[key] for row in table if row[key]]


def _column_of_paths(headers: list[str]) -> str | None:
    if len(headers) == 1:
        return headers[0]
    usual = [header for header in headers if header.strip().lower() in USUAL_COLUMNS]
    return usual[0] if len(usual) == 1 else None
