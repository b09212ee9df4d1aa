"""Every script of examples/ runs, with random weights, in an empty folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

RunPython = Callable[..., Any]

# For each script, its arguments and the words that each line of its output begins with.
SCRIPTS = {
    "classify_photos.py": ("0.png 1.png --top 1", ["photo,", "0.png,1,n", "1.png,1,n"]),
    "nearest_photos.py": ("0.png 1.png 2.png", ["0.png: ", "1.png: ", "2.png: "]),
    "time_layers.py": (
        "--batch 2 --repeats 1",
        "<AlexNet layer conv1 norm1+pool1 conv2 norm2+pool2 conv3 conv4 conv5 pool5 fc6 fc7 fc8 "
        "prob total".split(),
    ),
    "compare_preprocessing.py": (
        "0.png",
        ["preprocessing", "as trained ", "RGB for BGR", "no mean", "pixels 0", "aspect ratio"],
    ),
    "train_on_several_machines.py": ("", ["process 0 of 1: 100.0 % of the unseen"]),
    "convolution_and_oracle.py": ("", ["algorithm", "direct", "im2col", "winograd"]),
}


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with 0.png, 1.png and 2.png."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (240, 320, 3), np.uint8)).save(f"{i}.png")


def test_none_is_left_out(repository: Path) -> None:
    folder = repository / "examples"
    assert {script.name for script in folder.glob("*.py")} == set(SCRIPTS)
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert [name for name in SCRIPTS if f"({name})" not in page] == []


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.usefixtures("photos")
def test_runs(repository: Path, run_python: RunPython, name: str) -> None:
    arguments, beginnings = SCRIPTS[name]
    finished = run_python("-W", "error", str(repository / "examples" / name), *arguments.split())
    assert (finished.returncode, finished.stderr) == (0, "")
    lines = finished.stdout.splitlines()
    assert len(lines) == len(beginnings)
    for line, beginning in zip(lines, beginnings, strict=True):
        assert line.startswith(beginning)


@pytest.mark.usefixtures("photos")
def test_an_unreadable_photograph_is_skipped(repository: Path, run_python: RunPython) -> None:
    Path("broken.png").write_bytes(b"no image")
    script = repository / "examples" / "classify_photos.py"
    finished = run_python(str(script), "broken.png", "0.png", "--top", "1")
    assert finished.returncode == 0
    assert "broken.png" in finished.stderr
    assert [line.partition(",")[0] for line in finished.stdout.splitlines()] == ["photo", "0.png"]
