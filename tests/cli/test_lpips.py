"""`alexnet-cy lpips`."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.perceptual import random_images, random_trunk

from alexnet_cy.perceptual import LPIPS
from alexnet_cy.weights.safetensors import write

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "trunk.safetensors"
    write(path, "torchvision", random_trunk(0))
    return path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders with three images of the same paths, the second with another one."""
    a, b = tmp_path / "a", tmp_path / "b"
    for seed, folder in enumerate((a, b)):
        (folder / "inner").mkdir(parents=True)
        names = ("1.png", "2.png", "inner/3.png")
        for name, pixels in zip(names, random_images(seed, 3, 40, 40), strict=True):
            Image.fromarray(pixels).save(folder / name)
    return a, b


def test_two_images(run: Run, trunk: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = (folder / "1.png" for folder in folders)
    target = tmp_path / "map.png"
    outcome = run("lpips", a, b, "--weights", trunk, "--map", target)
    found = LPIPS(trunk).compare(a, b, maps=True)
    assert (outcome.status, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines == [f"{found.distance:.6f}", f"{target}: up to {found.map.max():.6f}"]
    picture = np.asarray(Image.open(target))
    assert picture.shape == (40, 40, 3)
    brightest = np.unravel_index(found.map.argmax(), found.map.shape)
    assert picture[brightest].tolist() == [253, 231, 37]


def test_two_folders(run: Run, trunk: Path, folders: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = folders
    outcome = run("lpips", a, b, "--weights", trunk, "-o", tmp_path / "out.csv")
    names = ["1.png", "2.png", "inner/3.png"]
    found = LPIPS(trunk).compare([a / name for name in names], [b / name for name in names])
    error = found.distance.std(ddof=1) / np.sqrt(3)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        *(f"{d:.6f}  {name}" for d, name in zip(found.distance, names, strict=True)),
        f"mean {found.distance.mean():.6f} +/- {error:.6f} (standard error), n = 3",
    ]
    with open(tmp_path / "out.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["a", "b", "distance", *(f"conv{i}" for i in range(1, 6)), "error"]
    assert [row[:2] for row in rows] == [[str(a / name), str(b / name)] for name in names]
    np.testing.assert_array_equal(np.array([row[2:8] for row in rows], float)[:, 0], found.distance)
    np.testing.assert_array_equal(np.array([row[3:8] for row in rows], float), found.layers)


def test_what_cannot_be_compared_is_told(
    run: Run, trunk: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    a, b = folders
    (b / "4.png").write_bytes((b / "1.png").read_bytes())
    (b / "2.png").write_bytes(b"no image")
    Image.fromarray(random_images(9, 1, 50, 40)[0]).save(a / "inner" / "3.png")
    outcome = run("lpips", a, b, "--weights", trunk, "--json", "-o", tmp_path / "out.csv")
    assert outcome.status == 1
    assert [(Path(pair["a"]).name, Path(pair["b"]).name) for pair in outcome.json["pairs"]] == [
        ("1.png", "1.png")
    ]
    failures = {
        Path(failure["path"]).name: failure["error"] for failure in outcome.json["failures"]
    }
    assert failures["4.png"] == "unpaired"
    assert "2.png" in failures["2.png"]
    assert "50 x 40 and 40 x 40" in failures["3.png"]
    assert len(outcome.err.splitlines()) == 3
    assert outcome.json["standard_error"] is None
    rows = (tmp_path / "out.csv").read_text().splitlines()
    assert len(rows) == 4


def test_an_image_and_a_folder(run: Run, trunk: Path, folders: tuple[Path, Path]) -> None:
    one, folder = folders[0] / "1.png", folders[1]
    there = run("lpips", one, folder, "--weights", trunk, "--json").json
    back = run("lpips", folder, one, "--weights", trunk, "--json").json
    assert [pair["distance"] for pair in there["pairs"]] == [
        pair["distance"] for pair in back["pairs"]
    ]
    assert [pair["b"] for pair in there["pairs"]] == [pair["a"] for pair in back["pairs"]]
    assert len(there["pairs"]) == 3


@pytest.mark.parametrize(("option", "pairs"), [("--all-pairs", 3), ("--consecutive", 2)])
def test_one_folder(
    run: Run, trunk: Path, folders: tuple[Path, Path], option: str, pairs: int
) -> None:
    a, b = folders
    shutil.rmtree(b)
    outcome = run("lpips", option, a, "--weights", trunk)
    assert (outcome.status, len(outcome.out.splitlines())) == (0, pairs + 1)
    (a / "2.png").write_bytes(b"no image")
    outcome = run("lpips", option, a, "--weights", trunk)
    assert outcome.status == 1
    assert len(outcome.err.splitlines()) == 1
    assert "2.png" in outcome.err


def test_versions(run: Run, trunk: Path, folders: tuple[Path, Path]) -> None:
    a, b = (folder / "1.png" for folder in folders)
    for options, settings in (
        (("--lpips-version", "0.0"), {"version": "0.0"}),
        (("--baseline",), {"lpips": False}),
    ):
        outcome = run("lpips", a, b, "--weights", trunk, *options)
        assert float(outcome.out) == pytest.approx(LPIPS(trunk, **settings)(a, b), abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a"], "need two images or folders, got 1"),
        (["a", "b", "c"], "need two images or folders, got 3"),
        (["a", "b", "--map", "m.png"], "--map: shows one pair"),
        (["a/1.png", "b/1.png", "--map", "m.jpg"], "--map: need a name that ends in .png"),
        (["a", "b", "-o", "o.txt"], "--output: need a name that ends in .csv"),
    ],
)
def test_usage(
    run: Run,
    trunk: Path,
    folders: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(folders[0].parent)
    outcome = run("lpips", *arguments, "--weights", trunk)
    assert outcome.status == 2
    assert message in outcome.err
