"""No command writes over what it reads, and over other files only with --overwrite."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet_cy.extraction.formats import npz

Run = Callable[..., Any]
WeightsOf = Callable[..., Path]


@pytest.fixture
def untouched(tmp_path: Path) -> Callable[[Any, str], None]:
    """Assert that a command has failed for a reason and has changed no file."""

    def contents() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    before: dict[str, bytes] = {}

    def check(outcome: Any, reason: str) -> None:
        assert (outcome.status, outcome.out) == (1, "")
        assert reason in outcome.err
        assert contents() == before

    check.remember = lambda: before.update(contents())  # type: ignore[attr-defined]
    return check


def test_features_reads_its_mean(
    run: Run, weights_of: WeightsOf, photographs: Path, tmp_path: Path, untouched: Any
) -> None:
    mean = tmp_path / "mean.npy"
    np.save(mean, np.full((3, 227, 227), 100, np.float32))
    weights = weights_of()
    untouched.remember()
    for overwrite in ((), ("--overwrite",)):
        outcome = run(
            "features", photographs, "--weights", weights, "--mean", mean, "-o", mean, *overwrite
        )
        untouched(outcome, "mean.npy: is also read; choose another name")


def test_the_names_beside_a_npy_file_are_written_too(
    run: Run, weights_of: WeightsOf, photographs: Path, tmp_path: Path, untouched: Any
) -> None:
    output, beside = tmp_path / "z.npy", tmp_path / "z.npy.json"
    weights_of().rename(beside)
    untouched.remember()
    outcome = run("features", photographs, "--weights", beside, "-o", output, "--overwrite")
    untouched(outcome, "z.npy.json: is also read")
    beside.unlink()
    beside.write_bytes((photographs / "a.png").read_bytes())
    before = beside.read_bytes()
    arguments = ("features", beside, "--random", 0, "-l", "conv1", "-o", output)
    assert "z.npy.json: is also read" in run(*arguments).err
    other = ("features", photographs, *arguments[2:])
    assert "z.npy.json: exists already; --overwrite replaces it" in run(*other).err
    assert (beside.read_bytes(), output.exists()) == (before, False)


def test_features_never_replaces_a_published_file(
    run: Run, photographs: Path, empty_caches: Path
) -> None:
    empty_caches.mkdir()
    kept = empty_caches / "bvlc_alexnet.caffemodel"
    kept.write_bytes(b"weights")
    output = empty_caches / "out.npz"
    output.hardlink_to(kept)
    outcome = run("features", photographs, "--weights", "caffe", "-o", output, "--overwrite")
    assert outcome.status == 1
    assert "out.npz: is also read" in outcome.err
    assert kept.read_bytes() == b"weights"


def test_existing_features_are_kept(
    run: Run, small_networks: None, photographs: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.npz"
    output.write_bytes(b"old")
    output.chmod(0o600)
    arguments = ("features", photographs, "--random", 0, "-l", "conv1", "-o", output)
    outcome = run(*arguments)
    assert outcome.status == 1
    assert outcome.err.endswith("out.npz: exists already; --overwrite replaces it\n")
    assert output.read_bytes() == b"old"
    assert run(*arguments, "--overwrite").status == 0
    assert np.load(output)["conv1"].shape[0] == 3
    assert output.stat().st_mode & 0o777 == 0o600


def test_output_that_came_to_be_meanwhile(
    run: Run,
    small_networks: None,
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = tmp_path / "out.npz"
    write = npz.write

    def late(*arguments: Any) -> None:
        output.write_bytes(b"of another process")
        write(*arguments)

    monkeypatch.setattr(npz, "write", late)
    outcome = run("features", photographs, "--random", 0, "-l", "conv1", "-o", output)
    assert outcome.status == 1
    assert "out.npz: exists by now" in outcome.err
    assert output.read_bytes() == b"of another process"


def test_features_through_a_link(
    run: Run, small_networks: None, photographs: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "link.npy"
    link.symlink_to(tmp_path / "disk" / "real.npy")
    outcome = run("features", photographs, "--random", 0, "-l", "conv1", "-o", link)
    assert outcome.status == 0
    assert link.is_symlink()
    assert np.load(tmp_path / "disk" / "real.npy").shape[0] == 3
    assert len(json.loads((tmp_path / "link.npy.json").read_text())["files"]) == 3


@pytest.mark.parametrize("suffix", [".safetensors", ".npz", ".onnx", ".caffemodel"])
def test_convert(run: Run, weights_of: WeightsOf, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"target{suffix}"
    target.write_bytes(b"old")
    source = weights_of()
    outcome = run("convert", source, target)
    assert outcome.status == 1
    assert outcome.err.endswith(f"target{suffix}: exists already; --overwrite replaces it\n")
    assert target.read_bytes() == b"old"
    assert run("convert", source, target, "--overwrite").status == 0
    assert target.stat().st_size > 1000


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_a_device_stays(
    run: Run, small_networks: None, photographs: Path, tmp_path: Path, suffix: str
) -> None:
    link = tmp_path / f"null{suffix}"
    link.symlink_to("/dev/null")
    outcome = run("features", photographs, "--random", 0, "-l", "conv1", "-o", link, "--overwrite")
    assert outcome.status == 1
    assert "is a device, and no file may replace it" in outcome.err
    assert not Path("/dev/null").is_file()


def test_bench(run: Run, tmp_path: Path) -> None:
    figures = tmp_path / "bench.json"
    figures.write_text("old")
    outcome = run("bench", "--json", figures)
    assert outcome.status == 1
    assert outcome.err.endswith("bench.json: exists already; --overwrite replaces it\n")
    outcome = run("bench", "--json", tmp_path / "x.png", "--plot", tmp_path / "x.png")
    assert "x.png: would be written twice" in outcome.err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
