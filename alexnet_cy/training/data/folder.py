"""Images with a class per folder."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from alexnet_cy.contracts.records import record
from alexnet_cy.errors import ImageError

if TYPE_CHECKING:
    from alexnet_cy.training.data.split import Split

__all__ = ["ImageFolder", "LeftOut", "Order", "Sample", "natural_key"]

Order: TypeAlias = Literal["natural", "string"]
"""How names are sorted: "img2" before "img10", or by their characters, as torchvision does."""

_PARTS = frozenset("train training val valid validation test testing".split())
"""Names of folders that hold parts of a data set; a class is hardly called so."""


@record(frozen=True, slots=True)
class Sample:
    """An image and its class.

    Attributes
    ----------
    path : str
    label : int
        The number of its class.
    group : str
        Images of one group stay on one side of a split; empty for an image by itself.
    """

    path: str
    label: int
    group: str = ""


@record(frozen=True, slots=True)
class LeftOut:
    """A file of an image folder that is not learnt from.

    Attributes
    ----------
    path : str
    reason : str
    """

    path: str
    reason: str


class ImageFolder:
    r"""Images with a class per folder: ``photographs/cat/1.jpg`` is a "cat".

    A class is a folder directly below `root`, or a link to one; its images are the files below it
    at any depth that `images.find_images` finds. Hidden folders and files (a leading dot) are no
    classes and no images. The result does not depend on the order in which the file system lists
    names.

    Parameters
    ----------
    root : path-like
    order : {"natural", "string"}
        The order of the classes and of the images.
    group_by : str, optional
        A regular expression that is searched in the path of an image below `root`, such as
        ``"cat/(\d+)_"``. Images for which it finds the same text (that of its first bracket, if
        there is one) are a group and stay on one side of a split: pictures of one object, or of
        one burst. An image in which it finds nothing is by itself.
    classes : sequence of str, optional
        The names of the classes, in the order of their numbers, where another folder has said
        them. A class may then have no folder; a folder that is none of them is an error.

    Attributes
    ----------
    root : str
    classes : tuple of str
        The folders' names; the number of a class is its place here.
    samples : tuple of Sample
        In the order of the classes, then of the paths.
    left_out : tuple of LeftOut
        Files that are no sample, and why: such as those directly in `root`.

    Raises
    ------
    ImageError
        The folder cannot be listed, has no folders in it, or classes without images; or it seems
        to hold parts of a data set, train and val, and not classes.
    ValueError
        `order` or `group_by` is none.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        order: Order = "natural",
        group_by: str | None = None,
        classes: Sequence[str] | None = None,
    ) -> None:
        if order not in ("natural", "string"):
            raise ValueError(f"order: need 'natural' or 'string', got {order!r}")
        self.root = os.fspath(root)
        key: Callable[[str], Any] = natural_key if order == "natural" else str
        folders, loose = _list_folder(self.root)
        found = tuple(sorted(folders, key=key))
        if classes is None:
            _check_classes(self.root, found)
        self.classes = found if classes is None else _known_classes(self.root, found, classes)
        pattern = _compile(group_by)
        self.left_out = tuple(
            LeftOut(os.path.join(self.root, name), "lies in no class's folder")
            for name in sorted(loose, key=key)
        )
        samples: list[Sample] = []
        for name in found:
            images, others = _list_class(os.path.join(self.root, name), key)
            label = self.classes.index(name)
            samples += [
                Sample(path, label, _group(os.path.relpath(path, self.root), pattern))
                for path in images
            ]
            self.left_out += tuple(LeftOut(path, "is no image by its ending") for path in others)
        self.samples = tuple(samples)
        missing = sorted(set(found) - {self.classes[sample.label] for sample in samples})
        if missing:
            raise ImageError(
                f"{self.root!r}: no images in {', '.join(map(repr, missing))}; remove the empty "
                "folders, or put images into them"
            )

    def __repr__(self) -> str:
        return (
            f"<ImageFolder {self.root!r}: {len(self.samples)} images, {len(self.classes)} classes>"
        )

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def counts(self) -> dict[str, int]:
        """How many images each class has."""
        found = Counter(sample.label for sample in self.samples)
        return {name: found[label] for label, name in enumerate(self.classes)}

    def split(self, val: float = 0.2, *, seed: int = 0) -> Split:
        """Split the images into a part to learn from and one to measure with.

        Parameters
        ----------
        val : float
            The share of each class that is measured with, above 0 and below 1.
        seed : int
            The same seed gives the same split of the same folder.

        Returns
        -------
        Split

        Raises
        ------
        TypeError, ValueError
            As of `split_samples`.
        """
        from alexnet_cy.training.data.split import split_samples

        return split_samples(self.samples, val, seed=seed)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return what sorts names with their numbers as numbers: "2" before "10"."""
    parts = re.split(r"(\d+)", name)
    # A name that is the same but for zeros in front is told apart by its characters.
    numbers = [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
    return [*numbers, (2, 0, name)]


def _list_folder(root: str) -> tuple[list[str], list[str]]:
    """Return the names of the folders and of the files in a folder, without hidden ones."""
    try:
        names = [name for name in os.listdir(root) if not name.startswith(".")]
    except OSError as error:
        raise ImageError(f"{root!r}: {error.strerror}") from error
    folders = [name for name in names if os.path.isdir(os.path.join(root, name))]
    return folders, sorted(set(names) - set(folders))


def _list_class(folder: str, key: Callable[[str], Any]) -> tuple[list[str], list[str]]:
    """Return the images below a folder, and the other files."""
    from alexnet_cy.images import find_images

    images = sorted(map(os.fspath, find_images(folder)), key=key)
    return images, sorted(_visible_files(folder) - set(images), key=key)


def _visible_files(folder: str) -> set[str]:
    """Return the files below a folder, and links to folders, which are not followed."""
    found = set()
    for parent, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        folders[:] = [name for name in folders if not name.startswith(".")]
        found |= {os.path.join(parent, name) for name in names + links if name[0] != "."}
    return found


def _check_classes(root: str, names: tuple[str, ...]) -> None:
    """Refuse a folder whose folders are no classes to learn."""
    if not names:
        raise ImageError(
            f"{root!r}: there are no folders in it; the images of each class go into a folder "
            "that is called like the class"
        )
    if {name.lower() for name in names} <= _PARTS:
        raise ImageError(
            f"{root!r}: holds {' and '.join(names)}, which look like parts of a data set and not "
            "like classes; pass the folder to learn from, and the other one as val_folder"
        )
    if len(names) == 1:
        raise ImageError(f"{root!r}: one class, {names[0]!r}; there is nothing to tell it from")


def _known_classes(root: str, found: tuple[str, ...], classes: Sequence[str]) -> tuple[str, ...]:
    """Refuse folders that are none of the classes."""
    unknown = [name for name in found if name not in classes]
    if unknown:
        raise ImageError(
            f"{root!r}: {', '.join(map(repr, unknown))} is no class of the network; those are "
            f"{', '.join(map(repr, classes))}"
        )
    if not found:
        raise ImageError(f"{root!r}: there are no folders in it")
    return tuple(classes)


def _compile(group_by: str | None) -> re.Pattern[str] | None:
    try:
        return None if group_by is None else re.compile(group_by)
    except re.error as error:
        raise ValueError(f"group_by: {group_by!r} is no regular expression: {error}") from error


def _group(path: str, pattern: re.Pattern[str] | None) -> str:
    match = None if pattern is None else pattern.search(path)
    if match is None:
        return ""
    return (match.group(1) if match.re.groups else match.group(0)) or ""
