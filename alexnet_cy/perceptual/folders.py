"""Two folders of images that belong together by name."""

from __future__ import annotations

import os

from alexnet_cy.contracts.records import record
from alexnet_cy.images.folder import find_images

__all__ = ["FolderPairs", "pair_folders"]


@record(frozen=True, slots=True)
class FolderPairs:
    """The images of two folders that have the same path below them.

    Attributes
    ----------
    names : list of str
        These paths, in the order of the first folder.
    a, b : list of str
        The images.
    unpaired : list of str
        Images that only one of the folders has.
    """

    names: list[str]
    a: list[str]
    b: list[str]
    unpaired: list[str]


def pair_folders(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> FolderPairs:
    """Pair the images below two folders by their relative paths, endings included.

    Raises
    ------
    ImageError
        A folder cannot be listed.
    """
    of_a, of_b = ({os.path.relpath(path, x): str(path) for path in find_images(x)} for x in (a, b))
    names = [name for name in of_a if name in of_b]
    unpaired = [path for name, path in of_a.items() if name not in of_b]
    unpaired += [path for name, path in of_b.items() if name not in of_a]
    return FolderPairs(
        names, [of_a[name] for name in names], [of_b[name] for name in names], unpaired
    )
