"""Finding image files below folders, in a stated order, with a word on everything left out."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from alexnet_cy.errors import ImageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EXTENSIONS", "Found", "LeftOut", "Order", "find_images", "natural_key", "search_images"]

EXTENSIONS = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .apng .webp .bmp .gif .ppm .pgm .pbm .pnm .tif .tiff".split()
)
"""Endings, in lower case, of the files that are taken from a folder: the formats of `decode`."""

Order: TypeAlias = Literal["name", "natural"]
"""How the names in a folder are sorted: img10 before img2, character by character; or after it, as
people count."""


class LeftOut(NamedTuple):
    """Something below a folder that is not taken for an image.

    Attributes
    ----------
    path : str
    reason : str
        "hidden", "a link to a folder", "an empty folder", or "not the ending of an image".
    """

    path: str
    reason: str


class Found(NamedTuple):
    """The images below folders.

    Attributes
    ----------
    paths : list of str
    left_out : list of LeftOut
        All else that lies there; a hidden folder is named, and what is in it is not.
    """

    paths: list[str]
    left_out: list[LeftOut]


def find_images(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], order: Order = "name"
) -> list[Path]:
    """Expand folders into the images in them.

    Parameters
    ----------
    paths : path or iterable of paths
        Taken literally: ``*``, ``?`` and ``[`` are ordinary characters. A folder stands for the
        files below it, at any depth, whose names end in one of `EXTENSIONS` (any case), without
        hidden ones (a leading dot); links to folders are not followed. Anything else stands for
        itself, whatever its ending and whether or not it exists, so that the reader of the file
        reports what is wrong with it.
    order : {"name", "natural"}
        How the names in a folder are sorted: character by character, or with img2 before img10.

    Returns
    -------
    list of pathlib.Path
        In the order of `paths`; within a folder sorted by name, its own files before those of its
        subfolders.

    Raises
    ------
    ImageError
        A folder cannot be listed.
    ValueError
        There is no such order.
    """
    from pathlib import Path  # here, because its import takes as long as the rest of the package's

    return [Path(path) for path in search_images(paths, order).paths]


def search_images(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], order: Order = "name"
) -> Found:
    """Do what `find_images` does, and name what it leaves out; parameters and errors are its own.

    Returns
    -------
    Found
    """
    if order not in ("name", "natural"):
        raise ValueError(f"order: need 'name' or 'natural', got {order!r}")
    key = natural_key if order == "natural" else str
    if isinstance(paths, (str, os.PathLike)):
        paths = [paths]
    found = Found([], [])
    for path in map(os.fsdecode, paths):
        if os.path.isdir(path):
            for item in _below(path, key):
                if isinstance(item, LeftOut):
                    found.left_out.append(item)
                else:
                    found.paths.append(item)
        else:
            found.paths.append(path)
    return found


def natural_key(name: str) -> tuple[list[Any], list[Any], str]:
    """Sort names as people count: numbers by their value, the ending last; then as written."""
    stem, ending = os.path.splitext(name)
    return _counted(stem), _counted(ending), name


def _counted(text: str) -> list[Any]:
    parts: list[Any] = re.split(r"([0-9]+)", text)
    parts[1::2] = map(int, parts[1::2])
    return parts


def _below(folder: str, key: Callable[[str], Any]) -> Iterator[str | LeftOut]:
    """Yield what is below a folder, images as paths."""
    for parent, subfolders, names in os.walk(folder, onerror=_refuse):
        entered = []
        for name in sorted(subfolders, key=key):
            path = os.path.join(parent, name)
            if name.startswith("."):
                yield LeftOut(path, "hidden")
            elif os.path.islink(path):
                yield LeftOut(path, "a link to a folder")
            else:
                entered.append(name)
        if parent != folder and not subfolders and not names:
            yield LeftOut(parent, "an empty folder")
        subfolders[:] = entered
        for name in sorted(names, key=key):
            path = os.path.join(parent, name)
            if name.startswith("."):
                yield LeftOut(path, "hidden")
            elif os.path.splitext(name)[1].lower() in EXTENSIONS:
                yield path
            else:
                yield LeftOut(path, "not the ending of an image")


def _refuse(error: OSError) -> None:
    raise ImageError(f"{error.filename!r}: {error.strerror}") from error
