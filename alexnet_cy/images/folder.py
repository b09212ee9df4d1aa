"""Finding image files for the command line."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from alexnet_cy.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EXTENSIONS", "find_images"]

EXTENSIONS = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .apng .webp .bmp .gif .ppm .pgm .pbm .pnm".split()
)
"""Endings, in lower case, of the files that are taken from a folder: the formats of `decode`."""


def find_images(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Expand folders into the images in them.

    Parameters
    ----------
    paths : path or iterable of paths
        Taken literally: ``*``, ``?`` and ``[`` are ordinary characters. A folder stands for the
        files below it, at any depth, whose names end in one of `EXTENSIONS` (any case), without
        hidden ones (a leading dot); links to folders are not followed. Anything else stands for
        itself, whatever its ending and whether or not it exists, so that the reader of the file
        reports what is wrong with it.

    Returns
    -------
    list of pathlib.Path
        In the order of `paths`; within a folder sorted by name, its own files before those of its
        subfolders.

    Raises
    ------
    ImageError
        A folder cannot be listed.
    """
    from pathlib import Path  # here, because its import takes as long as the rest of the package's

    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            found.extend(map(Path, _images_below(path)))
        else:
            found.append(path)
    return found


def _images_below(folder: Path) -> Iterator[str]:
    for parent, subfolders, names in os.walk(folder, onerror=_refuse):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS:
                yield os.path.join(parent, name)


def _refuse(error: OSError) -> None:
    raise ImageError(f"{error.filename!r}: {error.strerror}") from error
