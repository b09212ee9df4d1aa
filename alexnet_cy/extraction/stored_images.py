"""Images inside HDF5 files, such as the bricks of stimuli that neuroscience shares."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.errors import ImageError
from alexnet_cy.extraction.extras import open_hdf5

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["StoredImage", "StoredPixels", "is_hdf5_name", "stored_images"]

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


class StoredPixels:
    """Reads the images of datasets; a context manager that closes the file that it is in.

    A file stays open while its images are read one after the other, and no longer, so that it can
    be written anew by its owner, and what is there then is read.
    """

    def __init__(self) -> None:
        self._path = ""
        self._file: Any = None

    def __enter__(self) -> StoredPixels:
        """Return itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the file."""
        self._close()

    def read(self, image: StoredImage) -> NDArray[np.uint8]:
        """Return the pixels of an image: uint8 (H, W) or (H, W, C).

        Raises
        ------
        ImageError
            The file is gone, damaged or another one.
        """
        try:
            if self._file is None or self._path != image.path:
                self._close()
                self._path, self._file = image.path, open_hdf5(image.path)
            pixels: NDArray[np.uint8] = self._file[image.dataset][image.index]
        except (ImportError, MemoryError):
            raise
        except Exception as error:  # what h5py raises of damaged files is no short list
            raise ImageError(f"{image.name!r}: {error}") from error
        return pixels

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


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
    found: dict[str, int] = {}

    def note(key: str, value: Any) -> None:
        if hasattr(value, "dtype") and _holds_images(value):
            found[key] = value.shape[0]

    try:
        with open_hdf5(path) as file:
            file.visititems(note)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # what h5py raises of damaged files is no short list
        raise ImageError(f"{path!r}: cannot be read as HDF5: {error}") from error
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
