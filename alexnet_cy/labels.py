"""The names of the classes: 1000 of them for the networks of the 2012 ImageNet challenge.

Caffe's and torchvision's networks number the classes alike, in the order of their WordNet ids. The
list is in data/imagenet_classes.tsv, which scripts/make_labels.py writes, and is read when it is
first needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from alexnet_cy.contracts.arrays import as_array
from alexnet_cy.contracts.scalars import as_count

__all__ = ["ImageNetClass", "Prediction", "imagenet_classes", "top_predictions"]

IMAGENET_CLASSES = 1000


class Prediction(NamedTuple):
    """One class that an image may be of.

    Attributes
    ----------
    wnid : str
        WordNet id, such as "n02123045"; empty for a network of other classes than ImageNet's.
    label : str
        The first word of the synset, such as "tabby"; for a network of other classes the name that
        its weight file has for it, or else "class 17".
    probability : float
        0 to 1.
    """

    wnid: str
    label: str
    probability: float


class ImageNetClass(NamedTuple):
    """One of the 1000 classes.

    Attributes
    ----------
    wnid : str
        WordNet id: "n" and eight digits.
    words : str
        All words of the synset, such as "tabby, tabby cat".
    label : str
        The first of them. Two labels occur twice: "crane", the bird and the machine, and
        "maillot", the bathing suit and the tights.
    """

    wnid: str
    words: str
    label: str


@cache
def imagenet_classes() -> tuple[ImageNetClass, ...]:
    """Return the 1000 classes in the order of the networks' outputs."""
    from importlib.resources import files

    text = files("alexnet_cy.data").joinpath("imagenet_classes.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return tuple(ImageNetClass(wnid, words, words.partition(", ")[0]) for wnid, words in rows)


def top_predictions(
    probabilities_row: ArrayLike, top: int, classes: Sequence[str] = ()
) -> list[Prediction]:
    """Name the most probable classes of one image.

    Parameters
    ----------
    probabilities_row : array_like, shape (classes,)
        One row of what `AlexNet.forward` returns.
    top : int
        The largest number, from 1 up; there are no more than classes.
    classes : sequence of str
        The names of the classes, where the network has names of its own.

    Returns
    -------
    list of Prediction
        The most probable first; of equal ones, the one with the lower number first. 1000 classes
        without names are taken for ImageNet's.

    Raises
    ------
    TypeError
        `top` is not an integer, or the probabilities are not an array.
    ValueError
        `top` is less than 1, the probabilities are not a vector, or there are more or fewer names.
    """
    row = np.asarray(as_array(probabilities_row, "probabilities_row"))
    if row.ndim != 1:
        raise ValueError(f"probabilities_row: need shape (classes,), got {row.shape}")
    if classes and len(classes) != len(row):
        raise ValueError(f"classes: {len(row)} names are needed, got {len(classes)}")
    order = np.argsort(-row, kind="stable")[: as_count(top, "top")]
    return [_name(int(number), len(row), float(row[number]), classes) for number in order]


def _name(number: int, n_classes: int, probability: float, classes: Sequence[str]) -> Prediction:
    if classes:
        return Prediction("", classes[number], probability)
    if n_classes != IMAGENET_CLASSES:
        return Prediction("", f"class {number}", probability)
    known = imagenet_classes()[number]
    return Prediction(known.wnid, known.label, probability)
