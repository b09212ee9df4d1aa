"""The images of a training: what is learnt from, and what is measured with."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.records import record
from alexnet_cy.errors import ImageError
from alexnet_cy.training.data.folder import ImageFolder, LeftOut, Sample
from alexnet_cy.training.data.split import content_digest, split_samples

__all__ = ["Parts", "TrainingImages"]


@record(frozen=True, slots=True)
class Parts:
    """The two parts of the images that could be read.

    Attributes
    ----------
    train, val : ndarray of int
        Places among the samples, ascending.
    duplicates : int
        Images that are copies of others.
    """

    train: NDArray[np.intp]
    val: NDArray[np.intp]
    duplicates: int


class TrainingImages:
    """The images of one folder that is to be split, or of two.

    Parameters
    ----------
    folder : path-like or ImageFolder
    val_folder : path-like or ImageFolder, optional
        Images to measure with; its folders have names of classes of `folder`, not necessarily of
        all of them.

    Raises
    ------
    ImageError
        As of `ImageFolder`.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | ImageFolder,
        val_folder: str | os.PathLike[str] | None = None,
        *,
        group_by: str | None = None,
    ) -> None:
        own = folder if isinstance(folder, ImageFolder) else ImageFolder(folder, group_by=group_by)
        self.classes = own.classes
        self.samples: tuple[Sample, ...] = own.samples
        self.left_out: tuple[LeftOut, ...] = own.left_out
        self._n_own = len(own.samples)
        self._roots = [own.root]
        self._has_val_folder = val_folder is not None
        if val_folder is not None:
            other = ImageFolder(val_folder, classes=own.classes)
            self._roots.append(other.root)
            self.samples += other.samples
            self.left_out += other.left_out

    def check_apart(self, output: str | os.PathLike[str] | None, name: str) -> None:
        """Refuse a folder to write to among the images: its pictures would be images of a class.

        Raises
        ------
        ValueError
            It is a folder of images or lies in one.
        """
        if output is None:
            return
        real = os.path.realpath(output)
        for root in self._roots:
            if os.path.commonpath([real, os.path.realpath(root)]) == os.path.realpath(root):
                raise ValueError(
                    f"{name}: {os.fspath(output)!r} lies in the folder of images {root!r}, and "
                    "what is written there would be taken for images; name a folder beside it"
                )

    @property
    def paths(self) -> list[str]:
        """Where the images are."""
        return [sample.path for sample in self.samples]

    @property
    def labels(self) -> NDArray[np.intp]:
        """Their classes."""
        return np.array([sample.label for sample in self.samples], np.intp)

    def parts(self, good: Sequence[int], val: float, seed: int) -> Parts:
        """Split the images that could be read.

        Parameters
        ----------
        good : sequence of int
            Their places among the samples.
        val, seed
            As of `split_samples`; without effect where there is a folder to measure with.

        Raises
        ------
        ImageError
            No image of a class is left to learn from, or none to measure with.
        TypeError, ValueError
            As of `split_samples`.
        """
        places = np.sort(np.asarray(good, np.intp))
        if self._has_val_folder:
            train, held_out = places[places < self._n_own], places[places >= self._n_own]
            duplicates = self._warn_of_copies(train, held_out)
        else:
            split = split_samples([self.samples[i] for i in places], val, seed=seed)
            train, held_out = places[list(split.train)], places[list(split.val)]
            duplicates = sum(len(same) - 1 for same in split.duplicates)
        known = {self.samples[i].label for i in train}
        lost = [name for label, name in enumerate(self.classes) if label not in known]
        if lost:
            raise ImageError(f"no image to learn from of {', '.join(map(repr, lost))}")
        if not len(held_out):
            raise ImageError("no image to measure with: every class has one set of images only")
        return Parts(train, held_out, duplicates)

    def _warn_of_copies(self, train: NDArray[np.intp], held_out: NDArray[np.intp]) -> int:
        """Count the images to measure with that are also learnt from, and warn of them."""
        learnt = {content_digest(self.samples[i].path) for i in train}
        copies = [
            self.samples[i].path for i in held_out if content_digest(self.samples[i].path) in learnt
        ]
        if copies:
            warnings.warn(
                f"val_folder: {len(copies)} of {len(held_out)} images are also among those that "
                f"are learnt from, such as {copies[0]!r}; the accuracy will be too good",
                stacklevel=2,
            )
        return len(copies)
