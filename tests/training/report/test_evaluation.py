"""Accuracy, recall, confusion, the worst mistakes, and the picture of curves."""

import csv

import numpy as np
import pytest

from alexnet_cy.training.report.curves import plot_history
from alexnet_cy.training.report.evaluation import measure

CLASSES = ("a", "b", "c", "d", "e", "f")


def evaluation():
    probabilities = np.array(
        [
            [0.9, 0.02, 0.02, 0.02, 0.02, 0.02],  # a, right
            [0.1, 0.6, 0.1, 0.1, 0.05, 0.05],  # a, called b
            [0.3, 0.05, 0.2, 0.2, 0.2, 0.05],  # b, called a; fifth with f, b comes first
            [0.0, 0.0, 0.9, 0.1, 0.0, 0.0],  # f, called c; the last
        ]
    )
    return measure(probabilities, np.array([0, 0, 1, 5]), ["1", "2", "3", "4"], CLASSES)


def test_figures():
    found = evaluation()
    assert (found.images, found.top1, found.top5) == (4, 0.25, 0.75)
    assert found.macro_recall == pytest.approx((0.5 + 0 + 0) / 3)
    assert found.majority == 0.5
    assert found.confusion.sum() == 4
    assert found.confusion[0].tolist() == [1, 1, 0, 0, 0, 0]
    assert np.isfinite(found.loss)
    assert "top-1 25.0 %" in str(found)


def test_the_worst_mistakes_come_first():
    worst = evaluation().worst
    assert [mistake.path for mistake in worst] == ["4", "3", "2"]
    assert (worst[0].truth, worst[0].answer, worst[0].probability) == ("f", "c", 0.9)


def test_the_confusion_matrix_is_written(tmp_path):
    evaluation().save_confusion(tmp_path / "confusion.csv")
    with open(tmp_path / "confusion.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["class", *CLASSES]
    assert rows[1] == ["a", "1", "1", "0", "0", "0", "0"]


def test_no_image_is_an_error():
    with pytest.raises(ValueError, match=r"^images: none"):
        measure(np.empty((0, 6)), np.empty(0, int), [], CLASSES)


def test_curves_are_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    plot_history({"loss": [2, 1], "C": [1, 10], "C_accuracy": [0.5, 0.6]}, tmp_path / "a.png")
    plot_history({"loss": [2, 1], "val_loss": [2, 2], "accuracy": [0.5, 0.6]}, tmp_path / "b.svg")
    assert (tmp_path / "a.png").stat().st_size > 1000


@pytest.mark.parametrize("name", ["curves", "curves.doc"])
def test_a_picture_of_no_kind_is_refused(tmp_path, name):
    pytest.importorskip("matplotlib")
    with pytest.raises(ValueError, match=r"\.png|[Ff]ormat"):
        plot_history({"loss": [2, 1]}, tmp_path / name)
    assert not list(tmp_path.iterdir())
