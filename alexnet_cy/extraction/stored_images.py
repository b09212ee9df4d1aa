"""Images inside HDF5 files, such as the bricks of stimuli that neuroscience shares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.errors import ImageError
from alexnet_cy.extraction.extras import import_extra

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["StoredImage", "is_hdf5_name", "stored_images"]

ENDINGS = (".h5", ".hdf5", ".he5")
SEPARATOR = "::"


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One image of a dataset.

    Attributes
    ----------
    path, dataset : str
    index : int
        Along the dataset's first axis.
    """

    path: str
    dataset: str
    index: int

    @property
    def name(self) -> str:
        """Such as "stimuli.h5::imgBrick[3]"."""
        return f"{self.path}{SEPARATOR}{self.dataset}[{self.index}]"

    def pixels(self) -> NDArray[np.uint8]:
        """Read it: uint8 (H, W) or (H, W, C).

        Raises
        ------
        ImageError
            The file is gone or damaged.
        """
        try:
            pixels: NDArray[np.uint8] = _open(self.path)[self.dataset][self.index]
        except (OSError, KeyError) as error:
            raise ImageError(f"{self.name!r}: {error}") from error
        return pixels


def is_hdf5_name(name: str) -> bool:
    """Whether a path is that of an HDF5 file, with or without ``::DATASET`` behind it."""
    path, _, _ = name.partition(SEPARATOR)
    return path.lower().endswith(ENDINGS) and not os.path.isdir(path)


def stored_images(name: str) -> Iterator[StoredImage]:
    """List the images of a dataset.

    Parameters
    ----------
    name : str
        "stimuli.h5", for a file with one dataset of images, or "stimuli.h5::group/imgBrick".

    Raises
    ------
    ImageError
        The file cannot be read, has no such dataset, or several; the message lists them.
    ImportError
        h5py is missing.
    """
    path, _, wanted = name.partition(SEPARATOR)
    try:
        file = _open(path)
    except OSError as error:
        raise ImageError(f"{path!r}: cannot be read as HDF5: {error}") from error
    found: dict[str, int] = {}

    def note(key: str, value: Any) -> None:
        if hasattr(value, "dtype") and _holds_images(value):
            found[key] = value.shape[0]

    file.visititems(note)
    wanted = wanted.strip("/")
    if (wanted and wanted not in found) or (not wanted and len(found) != 1):
        listed = ", ".join(found) or "none"
        raise ImageError(
            f"{name!r}: need FILE{SEPARATOR}DATASET with one of its datasets of images (uint8, "
            f"(N, H, W) or (N, H, W, C)); it has {listed}"
        )
    dataset = wanted or next(iter(found))
    return (StoredImage(path, dataset, i) for i in range(found[dataset]))


def _holds_images(dataset: Any) -> bool:
    shape = dataset.shape
    return dataset.dtype == np.uint8 and (
        len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3, 4))
    )


@lru_cache(maxsize=8)
def _open(path: str) -> Any:
    """Open a file and keep it open: one is read image by image."""
    return import_extra("h5py", "hdf5").File(path, "r")
