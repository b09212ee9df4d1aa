"""kill -9 at random moments, and the same call again: equal bytes in the end."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import alexnet_cy

N_KILLS, N_IMAGES = 20, 200


def start(images: Path, output: Path) -> subprocess.Popen[bytes]:
    package_parent = str(Path(alexnet_cy.__file__).resolve().parents[1])
    paths = [package_parent, str(Path(__file__).parents[1])]
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("killed.py")), str(images), str(output)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["features.npz", "features"])
def test_killed_at_random_moments(tmp_path: Path, name: str) -> None:
    rng = np.random.default_rng(0)
    images = tmp_path / "images"
    images.mkdir()
    for i in range(N_IMAGES):
        path = images / f"{i:03}.jpg"
        if i % 97 == 50:
            path.write_bytes(b"bad")
        else:
            pixels = rng.integers(0, 256, (24, 24, 3)).astype(np.uint8)
            Image.fromarray(pixels).resize((160, 120)).save(path)
    whole, output = tmp_path / "whole" / name, tmp_path / "killed" / name
    whole.parent.mkdir()
    output.parent.mkdir()
    began = time.monotonic()
    process = start(images, whole)
    assert process.wait() == 0
    took_s = time.monotonic() - began
    moments = random.Random(1)
    kills, resumed = 0, False
    while kills < N_KILLS:
        manifest = output.parent / f"{name}.unfinished" / "manifest.json"
        if output.exists() and not manifest.exists():
            # The kill came after the end of the work, at the latest while its folder was removed.
            assert_same(output, whole)
            remove(output)
        process = start(images, output)
        try:
            # Anywhere in a run, but mostly past the start of Python, where the work is.
            process.wait(moments.uniform(0.2, 1.0) * took_s)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
            resumed |= (output.parent / f"{name}.unfinished").exists()
        else:
            assert process.returncode == 0
            assert_same(output, whole)
        process.wait()
    assert resumed
    is_whole = output.exists() and not manifest.exists()
    if not is_whole or manifest.parent.exists():
        assert start(images, output).wait() == 0 or is_whole
    assert_same(output, whole)
    assert [path.name for path in output.parent.iterdir()] == [name]


def assert_same(output: Path, whole: Path) -> None:
    if whole.is_file():
        assert output.read_bytes() == whole.read_bytes()
        return
    assert sorted(os.listdir(output)) == sorted(os.listdir(whole))
    for path in whole.iterdir():
        assert (output / path.name).read_bytes() == path.read_bytes(), path.name


def remove(output: Path) -> None:
    for path in output.iterdir() if output.is_dir() else ():
        path.unlink()
    output.rmdir() if output.is_dir() else output.unlink()
