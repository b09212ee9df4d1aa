"""The names of the classes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alexnet_cy.labels import Prediction, imagenet_classes, top_predictions


def test_order_and_form() -> None:
    classes = imagenet_classes()
    assert len(classes) == 1000
    wnids = [one.wnid for one in classes]
    assert wnids == sorted(set(wnids))
    assert all(re.fullmatch(r"n\d{8}", wnid) for wnid in wnids)
    assert all(one.words.split(", ")[0] == one.label for one in classes)


def test_some_classes() -> None:
    classes = imagenet_classes()
    assert classes[0] == ("n01440764", "tench, Tinca tinca", "tench")
    assert classes[281] == ("n02123045", "tabby, tabby cat", "tabby")
    assert classes[999].label == "toilet tissue"


def test_labels_that_occur_twice() -> None:
    labels = [one.label for one in imagenet_classes()]
    assert {label for label in labels if labels.count(label) > 1} == {"crane", "maillot"}


def test_against_caffes_list(shared: Path) -> None:
    lines = (shared / "imagenet" / "synset_words.txt").read_text().splitlines()
    assert [f"{one.wnid} {one.words}" for one in imagenet_classes()] == lines


def test_file_says_where_it_is_from() -> None:
    from importlib.resources import files

    folder = files("alexnet_cy.data")
    header = folder.joinpath("imagenet_classes.tsv").read_text(encoding="utf-8").split("\nn")[0]
    assert "make_labels.py" in header
    assert "Apache-2.0" in header
    assert "WordNet 3.0" in folder.joinpath("WORDNET_LICENSE.txt").read_text(encoding="utf-8")


def test_script_refuses_another_wheel(repository: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "timm.whl"
    wheel.write_bytes(b"PK")
    script = repository / "scripts" / "make_labels.py"
    run = subprocess.run(
        [sys.executable, str(script), str(wheel)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "not that of timm" in run.stderr


@pytest.mark.skipif("ALEXNET_CY_TIMM_WHEEL" not in os.environ, reason="no wheel of timm given")
def test_script_writes_the_file(repository: Path) -> None:
    path = repository / "alexnet_cy" / "data" / "imagenet_classes.tsv"
    before = path.read_bytes()
    script = repository / "scripts" / "make_labels.py"
    subprocess.run([sys.executable, str(script), os.environ["ALEXNET_CY_TIMM_WHEEL"]], check=True)
    assert path.read_bytes() == before


def test_top_predictions() -> None:
    row = np.zeros(1000, np.float32)
    row[[281, 282, 0]] = 0.5, 0.25, 0.125
    assert top_predictions(row, 3) == [
        Prediction("n02123045", "tabby", 0.5),
        Prediction("n02123159", "tiger cat", 0.25),
        Prediction("n01440764", "tench", 0.125),
    ]
    assert type(top_predictions(row, 1)[0].probability) is float


def test_other_classes_have_numbers() -> None:
    assert top_predictions([0.1, 0.7, 0.2], 2) == [
        Prediction("", "class 1", 0.7),
        Prediction("", "class 2", 0.2),
    ]


def test_no_more_than_there_are_and_equal_ones_in_order() -> None:
    predictions = top_predictions([0.25, 0.5] * 40, 999)
    expected = [*range(1, 80, 2), *range(0, 80, 2)]
    assert [p.label for p in predictions] == [f"class {i}" for i in expected]


@pytest.mark.parametrize(
    ("row", "top", "error", "message"),
    [
        ([[0.5, 0.5]], 1, ValueError, r"need shape \(classes,\), got \(1, 2\)"),
        ([0.5, 0.5], 0, ValueError, "top: need a whole number from 1 up, got 0"),
        ([0.5, 0.5], 1.0, TypeError, "top: need a whole number from 1 up, got 1.0"),
        ([0.5, 0.5], True, TypeError, "top: need a whole number from 1 up, got True"),
    ],
)
def test_wrong_arguments(row: list[float], top: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        top_predictions(row, top)


def test_list_is_not_read_at_import(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    program = "import alexnet_cy.labels as l; print(l.imagenet_classes.cache_info().currsize)"
    assert run_python("-c", program).stdout == "0\n"
