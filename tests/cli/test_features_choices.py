"""`alexnet-cy features`: which images, layers and form."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from alexnet_cy.network import VARIANTS, feature_names

Run = Callable[..., Any]
WeightsOf = Callable[..., Path]

NAMES = ["a.png", "b.jpg", "inner/c.png"]


def paths_in(folder: Path) -> list[str]:
    return [str(folder / name) for name in NAMES]


def only_file_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_layers_with_commas_and_all_of_them(
    run: Run, small_networks: None, photographs: Path, output: Path
) -> None:
    arguments = ("features", photographs, "--random", 0, "-o", output, "-q", "--overwrite")
    run(*arguments, "-l", "fc7,conv5", "-l", "RELU5,fc7")
    assert np.load(output).files == ["files", "metadata", "fc7", "conv5", "RELU5"]
    run(*arguments, "-l", "all", "--pool", "mean", "--dtype", "float16")
    with np.load(output) as archive:
        assert archive.files[2:] == list(feature_names(VARIANTS["caffe"]))
        assert {archive[name].ndim for name in archive.files[2:]} == {2}
        assert archive["conv1"].dtype == np.float16


def test_brainscore(run: Run, small_networks: None, photographs: Path, output: Path) -> None:
    outcome = run(
        "features", photographs, "--random", 0, "--variant", "torchvision", "-l", "V1,IT",
        "--names", "brainscore", "--flatten", "-o", output, "--json",
    )  # fmt: skip
    assert outcome.json["values"] == {"V1": "pool1", "IT": "pool5"}
    assert outcome.json["layers"]["V1"] == [3, 4 * 27 * 27]


def test_a_list(
    run: Run, weights_of: WeightsOf, photographs: Path, output: Path, tmp_path: Path
) -> None:
    table = tmp_path / "stimuli.csv"
    table.write_text("trial,file\n1,b.jpg\n2,inner/c.png\n3,b.jpg\n")
    run("features", "--from", table, "--root", photographs, "--weights", weights_of(), "-o", output)
    names = ["b.jpg", "inner/c.png", "b.jpg"]
    assert np.load(output)["files"].tolist() == [str(photographs / name) for name in names]


def test_a_list_from_stdin(
    run: Run, small_networks: None, photographs: Path, output: Path, monkeypatch: Any
) -> None:
    lines = io.StringIO(f"{photographs / 'b.jpg'}\n\n{photographs / 'a.png'}\n")
    monkeypatch.setattr("sys.stdin", lines)
    run("features", "--from", "-", "--random", 0, "-o", output)
    assert [Path(name).name for name in np.load(output)["files"]] == ["b.jpg", "a.png"]


def test_nothing_is_asked_for(run: Run, output: Path) -> None:
    outcome = run("features", "--random", 0, "-o", output)
    assert outcome.status == 2
    assert "need an IMAGE, a folder of them, or a list with --from" in outcome.err


def test_what_is_left_out_is_named(
    run: Run, small_networks: None, photographs: Path, output: Path
) -> None:
    arguments = ("features", photographs, "--random", 0, "-o", output, "--json")
    outcome = run(*arguments)
    path = str(photographs / "notes.txt")
    reason = "not the ending of an image"
    assert f"alexnet-cy: left out {path}: {reason}\n" in outcome.err
    assert outcome.json["left_out"] == [{"path": path, "reason": reason}]
    assert json.loads(np.load(output)["metadata"].item())["left_out"] == outcome.json["left_out"]
    assert "left out" not in run(*arguments, "--overwrite", "-q").err


def test_on_error(run: Run, small_networks: None, photographs: Path, output: Path) -> None:
    (photographs / "a1.jpg").write_bytes(b"cut off")
    arguments = ("features", photographs, "--random", 0, "-o", output, "-q")
    assert run(*arguments, "--on-error", "stop").status == 1
    assert only_file_of(output.parent) == []
    outcome = run(*arguments, "--on-error", "nan")
    assert outcome.status == 1
    with np.load(output) as archive:
        assert np.isnan(archive["fc7"]).all(axis=1).tolist() == [False, True, False, False]
        [skipped] = json.loads(archive["metadata"].item())["skipped"]
    assert (skipped["index"], skipped["file"]) == (1, str(photographs / "a1.jpg"))
    assert "can be read from it" in skipped["error"]


def test_shards(run: Run, small_networks: None, photographs: Path, output: Path) -> None:
    arguments = ("features", photographs, "--random", 0, "-o", output)
    for i in (1, 2):
        assert run(*arguments, "--shard", f"{i}/2").status == 0
    assert only_file_of(output.parent) == ["features-1-of-2.npz", "features-2-of-2.npz"]
    parts = [np.load(output.parent / name) for name in only_file_of(output.parent)]
    together = np.concatenate([part["fc7"] for part in parts])
    before = (output.parent / "features-1-of-2.npz").stat().st_mtime_ns
    outcome = run(*arguments, "--shard", "1/2")
    assert outcome.status == 0
    assert "is there already, of the same job" in outcome.err
    assert (output.parent / "features-1-of-2.npz").stat().st_mtime_ns == before
    assert run(*arguments, "--shard", "1/2", "--flatten").status == 1
    assert run(*arguments, "--shard", "0/2").status == 2
    run(*arguments)
    np.testing.assert_array_equal(np.load(output)["fc7"], together)


def test_folder(run: Run, small_networks: None, photographs: Path, output: Path) -> None:
    folder = output.parent / "acts"
    outcome = run("features", photographs, "--random", 0, "-l", "fc7,pool5", "-o", f"{folder}/")
    assert outcome.status == 0
    assert only_file_of(folder) == ["fc7.npy", "features.json", "file_names.txt", "pool5.npy"]
    assert only_file_of(output.parent) == ["acts"]


def test_size(run: Run, small_networks: None, photographs: Path, output: Path) -> None:
    arguments = ("features", photographs / "a.png", "--random", 0, "-l", "conv5", "-o", output)
    run(*arguments, "--preset", "as-is", "--size", "90x120")
    assert np.load(output)["conv5"].shape[2:] == (5, 7)
    assert run(*arguments, "--preset", "as-is", "--overwrite").status == 1
    assert run(*arguments, "--size", "3").status == 1
