"""Every script of examples/ runs, with random weights, in an empty folder."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.closeness import assert_same_bits

import alexnet_cy
from alexnet_cy import AlexNet
from alexnet_cy.images import find_images

pytestmark = pytest.mark.slow  # every test starts a process

RunPython = Callable[..., Any]

# For each script, its arguments and the words that each line of its output begins with. The server
# has a test of its own.
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
    "similarity_study.py": (
        "0.png 1.png 2.png classes/a/0.png",
        "with conv1 conv2 conv3 conv4 conv5 fc6 fc7".split(),
    ),
    "cross_validation.py": (
        "classes --folds 2 --layer pool5",
        ["6 images, 2 classes, 9216 features", "accuracy "],
    ),
    "compare_folders.py": ("classes/a classes/b", ["0.", "0.", "0.", "mean 0."]),
    "torch_dataloader.py": (
        "0.png 1.png 2.png --batch 2 --layer pool5",
        [f"{i}.png: (256, 6, 6), largest " for i in range(3)],
    ),
    "train_on_several_machines.py": ("", ["process 0 of 1: 100.0 % of the unseen"]),
    "convolution_and_oracle.py": ("", ["algorithm", "direct", "im2col", "winograd"]),
}


SERVER = "classify_server.py"

# Engines that run a script's work in processes of their own, and what they need.
ENGINES = {
    "features_on_dask.py": ("distributed",),
    "features_on_spark.py": ("pyspark", "pandas", "pyarrow"),
}

NEEDS = {"cross_validation.py": "sklearn", "torch_dataloader.py": "torch"}


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with 0.png, 1.png and 2.png, and with the like in two classes."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        Path("classes", name).mkdir(parents=True)
        for i in range(3):
            pixels = rng.integers(0, 256, (64, 64, 3), np.uint8)
            Image.fromarray(pixels).save(f"classes/{name}/{i}.png")
    for i in range(3):
        Image.fromarray(rng.integers(0, 256, (240, 320, 3), np.uint8)).save(f"{i}.png")


def test_none_is_left_out(repository: Path) -> None:
    folder = repository / "examples"
    assert {script.name for script in folder.glob("*.py")} == {*SCRIPTS, SERVER, *ENGINES}
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert [name for name in (*SCRIPTS, SERVER, *ENGINES) if f"({name})" not in page] == []


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.usefixtures("photos")
def test_runs(repository: Path, run_python: RunPython, name: str) -> None:
    arguments, beginnings = SCRIPTS[name]
    # What other libraries warn of is not ours.
    warnings = "error" if name not in NEEDS else "ignore"
    pytest.importorskip(NEEDS.get(name, "alexnet_cy"))
    finished = run_python("-W", warnings, str(repository / "examples" / name), *arguments.split())
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


@pytest.fixture
def seven_images(photos: None) -> list[str]:
    """A folder "classes" with a bad image among seven, in the order of its features."""
    Path("classes/a/broken.png").write_bytes(b"no image")
    return [str(path) for path in find_images("classes")]


def run_on(engine: str, repository: Path, run_python: RunPython, *arguments: str) -> str:
    """Run the script of an engine, which may say what it likes on stderr; return its output."""
    for name in ENGINES[engine]:
        pytest.importorskip(name)
    finished = run_python(str(repository / "examples" / engine), *arguments, "--layer", "pool5")
    assert finished.returncode == 0, finished.stderr
    printed: str = finished.stdout
    return printed


def test_dask_writes_each_row_once(
    repository: Path, run_python: RunPython, seven_images: list[str]
) -> None:
    arguments = ("features_on_dask.py", repository, run_python, "classes", "-o", "out.npz")
    printed = run_on(*arguments, "--shards", "3", "--workers", "2")
    written = sorted(Path().glob("out-*"))
    assert [path.name for path in written] == [f"out-{i}-of-3.npz" for i in (1, 2, 3)]
    expected = AlexNet.random().features(
        [path for path in seven_images if "broken" not in path], "pool5"
    )
    rows = np.concatenate([np.load(path)["pool5"] for path in written])
    assert np.concatenate([np.load(path)["files"] for path in written]).tolist() == seven_images
    broken = [i for i, path in enumerate(seven_images) if "broken" in path]
    assert np.isnan(rows[broken]).all()
    assert_same_bits(np.delete(rows, broken, axis=0), expected)
    assert printed.count("broken.png: ") == 1

    contents = [path.read_bytes() for path in written]
    written[1].unlink()
    run_on(*arguments, "--shards", "3", "--workers", "2")
    assert [path.read_bytes() for path in written] == contents


def test_spark_writes_each_row_once(
    repository: Path, run_python: RunPython, seven_images: list[str]
) -> None:
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    arguments = ("classes", "-o", "out.parquet", "--partitions", "2")
    printed = run_on("features_on_spark.py", repository, run_python, *arguments)
    assert "out.parquet: 7 images, 1 of them could not be read" in printed
    table = importlib.import_module("pyarrow.parquet").read_table("out.parquet").to_pydict()
    rows = dict(zip(table["path"], zip(table["error"], table["pool5"], strict=True), strict=True))
    assert sorted(rows) == sorted(seven_images)
    expected = AlexNet.random().features(seven_images[:1], "pool5")
    assert_same_bits(np.array(rows[seven_images[0]][1], np.float32), expected.ravel())
    assert [path for path, (error, _) in rows.items() if error] == ["classes/a/broken.png"]


@pytest.mark.slow
@pytest.mark.usefixtures("photos")
def test_the_server_answers(repository: Path) -> None:
    for name in ("fastapi", "gunicorn", "uvicorn"):
        pytest.importorskip(name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = "-m gunicorn classify_server:app --preload -w 2 -k uvicorn.workers.UvicornWorker -b"
    paths = [str(Path(alexnet_cy.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    server = subprocess.Popen(
        [sys.executable, *command.split(), address],
        cwd=repository / "examples",
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)},
        stderr=subprocess.DEVNULL,
    )
    try:
        photo = Path("0.png").read_bytes()
        answers = [ask(address, photo, server) for _ in range(4)]
        assert len(answers[0]) == 5
        assert answers.count(answers[0]) == 4
        assert set(answers[0][0]) == {"wnid", "label", "probability"}
        with pytest.raises(urllib.error.HTTPError, match="400"):
            ask(address, b"no image", server)
    finally:
        server.terminate()
        server.wait(30)


def ask(address: str, photo: bytes, server: subprocess.Popen[bytes]) -> list[dict[str, object]]:
    """Send a photograph; wait for the server to start."""
    request = urllib.request.Request(f"http://{address}/classify", photo, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 60
    while True:
        try:
            with opener.open(request, timeout=60) as answer:
                predictions: list[dict[str, object]] = json.load(answer)
                return predictions
        except urllib.error.HTTPError:
            raise
        except OSError:
            assert server.poll() is None, "the server has ended"
            assert time.monotonic() < deadline, "the server does not answer"
            time.sleep(0.2)
