"""How good a network's answers are: accuracy, recall, confusion, the worst mistakes."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.records import record
from alexnet_cy.machine.replace_file import replace_file

__all__ = ["Evaluation", "Mistake", "measure"]

WORST = 20
"""How many mistakes are kept."""


@record(frozen=True, slots=True)
class Mistake:
    """An image that the network got wrong.

    Attributes
    ----------
    path : str
    truth, answer : str
        Names of classes.
    probability : float
        Of the answer.
    truth_probability : float
        Of the truth; the mistakes with the smallest are the worst.
    """

    path: str
    truth: str
    answer: str
    probability: float
    truth_probability: float


@record(frozen=True, slots=True)
class Evaluation:
    """A network's answers to images whose classes are known.

    Attributes
    ----------
    classes : tuple of str
    images : int
    top1, top5 : float
        The share of images whose class is the first answer, or among the first five.
    macro_recall : float
        The mean over the classes of the share of their images that were known: all count the same,
        however many images they have.
    majority : float
        What is reached by always answering with the class of most images.
    loss : float
        The mean of -log p(truth).
    confusion : ndarray of int, shape (classes, classes)
        Images of each class (rows) by answer (columns).
    worst : tuple of Mistake
        The worst first.
    """

    classes: tuple[str, ...]
    images: int
    top1: float
    top5: float
    macro_recall: float
    majority: float
    loss: float
    confusion: NDArray[np.int64]
    worst: tuple[Mistake, ...]

    def __str__(self) -> str:
        return (
            f"top-1 {100 * self.top1:.1f} %, top-5 {100 * self.top5:.1f} %, macro recall "
            f"{100 * self.macro_recall:.1f} % of {self.images} images in {len(self.classes)} "
            f"classes; the largest class alone {100 * self.majority:.1f} %"
        )

    def save_confusion(self, path: str | os.PathLike[str]) -> None:
        """Write the confusion matrix as CSV: a row for each class, a column for each answer.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["class", *self.classes])
        for name, row in zip(self.classes, self.confusion.tolist(), strict=True):
            writer.writerow([name, *row])
        with replace_file(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.write(text.getvalue())


def measure(
    probabilities: Float32Array | NDArray[np.float64],
    labels: NDArray[np.intp],
    paths: Sequence[str],
    classes: tuple[str, ...],
) -> Evaluation:
    """Compare probabilities with the classes that images have.

    Parameters
    ----------
    probabilities : ndarray, shape (N, classes)
        Of equal ones the class of the lower number is answered.
    labels : ndarray of int, shape (N,)
    paths : sequence of str
        What mistakes call the images.
    classes : tuple of str

    Raises
    ------
    ValueError
        There is no image.
    """
    n_images, n_classes = probabilities.shape
    if not n_images:
        raise ValueError("images: none, there is nothing to measure")
    places = np.arange(n_images)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    answers = order[:, 0]
    truth = np.asarray(probabilities[places, labels], np.float64)
    confusion = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(confusion, (labels, answers), 1)
    counts = confusion.sum(axis=1)
    recalls = np.diag(confusion)[counts > 0] / counts[counts > 0]
    wrong = np.flatnonzero(answers != labels)
    wrong = wrong[np.argsort(truth[wrong], kind="stable")][:WORST]
    return Evaluation(
        classes,
        n_images,
        float((answers == labels).mean()),
        float((order[:, :5] == labels[:, None]).any(axis=1).mean()),
        float(recalls.mean()),
        float(counts.max() / n_images),
        float(-np.log(np.maximum(truth, np.finfo(np.float64).tiny)).mean()),
        confusion,
        tuple(
            Mistake(
                paths[i],
                classes[labels[i]],
                classes[answers[i]],
                float(probabilities[i, answers[i]]),
                float(truth[i]),
            )
            for i in wrong.tolist()
        ),
    )
