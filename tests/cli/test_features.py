"""`alexnet-cy features`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet_cy import AlexNet
from alexnet_cy.extraction.unfinished import Unfinished

Run = Callable[..., Any]
WeightsOf = Callable[..., Path]

NAMES = ["a.png", "b.jpg", "inner/c.png"]


def paths_in(folder: Path) -> list[str]:
    return [str(folder / name) for name in NAMES]


def only_file_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_npz(run: Run, weights_of: WeightsOf, photographs: Path, output: Path) -> None:
    weights = weights_of()
    outcome = run(
        "features", photographs, "--weights", weights, "--layer", "fc7", "-l", "conv5",
        "-l", "features.4", "-o", output, "-q",
    )  # fmt: skip
    assert (outcome.status, outcome.err) == (0, "")
    assert only_file_of(output.parent) == ["features.npz"]
    expected = AlexNet.load(weights).features(paths_in(photographs), ["fc7", "conv5", "features.4"])
    with np.load(output) as archive:
        assert archive.files == ["files", "metadata", "fc7", "conv5", "features.4"]
        assert archive["files"].tolist() == paths_in(photographs)
        for layer, values in expected.items():
            assert archive[layer].dtype == np.float32
            np.testing.assert_array_equal(archive[layer], values)
        metadata = json.loads(archive["metadata"].item())
    assert metadata["weights"] == str(weights)
    assert (metadata["variant"], metadata["preset"]) == ("caffe", "caffe")
    assert "note" not in metadata
    assert "3 images" in outcome.out
    assert "3 x 16 x 13 x 13" in outcome.out


def test_npy(run: Run, weights_of: WeightsOf, photographs: Path, output: Path) -> None:
    weights = weights_of()
    target = output.with_suffix(".npy")
    outcome = run("features", photographs, "--weights", weights, "-o", target, "--json", "-q")
    assert (outcome.status, outcome.err) == (0, "")
    assert only_file_of(target.parent) == ["features.npy", "features.npy.json"]
    expected = AlexNet.load(weights).features(paths_in(photographs), "fc7")
    np.testing.assert_array_equal(np.load(target), expected)
    np.testing.assert_array_equal(np.load(target, mmap_mode="r"), expected)
    beside = json.loads((target.parent / "features.npy.json").read_text())
    assert beside["files"] == paths_in(photographs)
    assert beside["metadata"]["layers"] == ["fc7"]
    document = outcome.json
    assert document["layers"] == {"fc7": [3, 12]}
    assert (document["images"], document["skipped"]) == (3, [])


def test_ten_crops(run: Run, weights_of: WeightsOf, photographs: Path, output: Path) -> None:
    weights = weights_of()
    run(
        "features", photographs, "--weights", weights, "-l", "fc6_pre", "--preset", "caffe-10crop",
        "-o", output,
    )  # fmt: skip
    expected = AlexNet.load(weights).features(
        paths_in(photographs), "fc6_pre", preset="caffe-10crop"
    )
    assert expected.shape == (3, 10, 12)
    np.testing.assert_array_equal(np.load(output)["fc6_pre"], expected)


def test_batches_make_no_difference(
    run: Run,
    weights_of: WeightsOf,
    photographs: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ("features", photographs, "--weights", weights_of(), "-l", "conv3", "-o", output)
    run(*arguments)
    together = output.read_bytes()
    monkeypatch.setattr("alexnet_cy.images.batches.VIEWS_AT_A_TIME", 1)
    run(*arguments, "--threads", "1", "--overwrite")
    assert output.read_bytes() == together


def test_random_weights_are_marked(
    run: Run, small_networks: None, photographs: Path, output: Path
) -> None:
    outcome = run(
        "features", photographs, "--random", 5, "--variant", "torchvision", "-l", "pool5",
        "-o", output, "--json", "-q",
    )  # fmt: skip
    note = "random weights: for tests and timing, the values mean nothing"
    assert outcome.status == 0
    assert outcome.err == f"alexnet-cy: {note}\n"
    assert outcome.json["weights"] == "random, seed 5"
    with np.load(output) as archive:
        assert json.loads(archive["metadata"].item())["note"] == note
        expected = AlexNet.random("torchvision", seed=5).features(paths_in(photographs), "pool5")
        np.testing.assert_array_equal(archive["pool5"], expected)


def test_metadata_say_what_was_done(
    run: Run, weights_of: WeightsOf, photographs: Path, output: Path
) -> None:
    run(
        "features", photographs, "--weights", weights_of(), "--mean", "1,2,3", "--exif",
        "-o", output,
    )  # fmt: skip
    metadata = json.loads(np.load(output)["metadata"].item())
    assert metadata["mean"] == [1, 2, 3]
    assert metadata["exif"] is True
    assert metadata["isa"]


def test_bad_images_are_skipped(
    run: Run, weights_of: WeightsOf, photographs: Path, output: Path
) -> None:
    (photographs / "a1.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    outcome = run(
        "features", photographs, photographs / "none.png", "--weights", weights_of(), "-o", output,
        "--json",
    )  # fmt: skip
    assert outcome.status == 1
    assert [Path(skip["path"]).name for skip in outcome.json["skipped"]] == ["a1.jpg", "none.png"]
    assert outcome.err.count("alexnet-cy: warning: skipped '") == 2
    with np.load(output) as archive:
        assert archive["files"].tolist() == paths_in(photographs)
        assert archive["fc7"].shape == (3, 12)


def test_no_image_can_be_read(
    run: Run, weights_of: WeightsOf, tmp_path: Path, output: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(b"bad")
    outcome = run("features", tmp_path / "bad.png", "--weights", weights_of(), "-o", output)
    assert (outcome.status, outcome.out) == (1, "")
    assert "none of the images could be read: nothing is written" in outcome.err
    assert only_file_of(output.parent) == []


def test_no_images(run: Run, tmp_path: Path, output: Path) -> None:
    (tmp_path / "empty").mkdir()
    outcome = run("features", tmp_path / "empty", "--random", 0, "-o", output)
    assert outcome.status == 1
    assert "error: no images: nothing is written" in outcome.err


@pytest.mark.parametrize("layer", ["conv9", "files", "metadata", "fc8_pre_pre"])
def test_unknown_layer(
    run: Run, small_networks: None, photographs: Path, output: Path, layer: str
) -> None:
    outcome = run("features", photographs, "--random", 0, "-l", layer, "-o", output)
    assert outcome.status == 1
    assert f"has no layer '{layer}'" in outcome.err
    assert only_file_of(output.parent) == []


def test_inputs_are_never_written_over(
    run: Run, weights_of: WeightsOf, photographs: Path, tmp_path: Path
) -> None:
    weights = weights_of()
    image = tmp_path / "image.npz"
    image.write_bytes((photographs / "a.png").read_bytes())
    also = tmp_path / "link.npz"
    also.symlink_to(weights)
    for output in (image, also):
        before = output.read_bytes()
        outcome = run("features", image, "--weights", weights, "-o", output)
        assert outcome.status == 1
        assert "is also read; choose another name" in outcome.err
        assert output.read_bytes() == before


def test_output_that_cannot_be(run: Run, photographs: Path, tmp_path: Path) -> None:
    outcome = run("features", photographs, "--random", 0, "-o", tmp_path / "none" / "x.npz")
    assert outcome.status == 1
    assert f"there is no folder {tmp_path / 'none'}" in outcome.err
    (tmp_path / "folder.npz").mkdir()
    outcome = run("features", photographs, "--random", 0, "-o", tmp_path / "folder.npz")
    assert "folder.npz: is a folder" in outcome.err


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_folder_without_permission(run: Run, photographs: Path, output: Path) -> None:
    output.parent.chmod(0o500)
    outcome = run("features", photographs, "--random", 0, "-l", "conv1", "-o", output)
    output.parent.chmod(0o700)
    assert outcome.status == 1
    assert "Permission denied" in outcome.err


def test_old_output_stays_until_the_new_one_is_complete(
    run: Run,
    weights_of: WeightsOf,
    photographs: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output.write_bytes(b"old")

    def full(self: Unfinished, *arguments: object) -> None:
        raise OSError(28, "No space left on device", "rows.npy")

    monkeypatch.setattr(Unfinished, "append", full)
    arguments = ("features", photographs, "--weights", weights_of(), "-o", output, "-q")
    outcome = run(*arguments, "--overwrite")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("alexnet-cy: error: rows.npy: No space left on device; what is")
    assert output.read_bytes() == b"old"
    assert only_file_of(output.parent) == ["features.npz"]


def test_interrupted_before_anything_is_done(
    run: Run,
    weights_of: WeightsOf,
    photographs: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(self: Unfinished, *arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Unfinished, "append", interrupt)
    outcome = run("features", photographs, "--weights", weights_of(), "-o", output, "-q")
    assert (outcome.status, outcome.out, outcome.err) == (130, "", "alexnet-cy: interrupted\n")
    assert only_file_of(output.parent) == []


def test_interrupted_and_given_again(
    run: Run,
    weights_of: WeightsOf,
    photographs: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = ("features", photographs, "--weights", weights_of(), "-o", output)
    run(*arguments, "-q")
    undisturbed = output.read_bytes()
    output.unlink()
    monkeypatch.setattr("alexnet_cy.images.batches.VIEWS_AT_A_TIME", 1)
    monkeypatch.setattr("alexnet_cy.extraction.unfinished.COMMIT_EVERY_S", 0.0)
    append, calls = Unfinished.append, 0

    def interrupted(self: Unfinished, *arguments: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt
        append(self, *arguments)

    monkeypatch.setattr(Unfinished, "append", interrupted)
    outcome = run(*arguments)
    folder = output.parent / "features.npz.unfinished"
    assert outcome.status == 130
    assert f"2 images are done and kept in {folder}; give the command again" in outcome.err
    assert np.load(folder / "fc7.npy").shape == (2, 12)
    outcome = run(*arguments)
    assert outcome.status == 0
    assert f"2 of 3 images are done already, in {folder}" in outcome.err
    assert output.read_bytes() == undisturbed
    assert only_file_of(output.parent) == ["features.npz"]


def test_photographs(run: Run, small_networks: None, shared: Path, output: Path) -> None:
    outcome = run("features", shared / "images", "--random", 0, "-l", "conv1", "-o", output)
    assert outcome.status == 0
    with np.load(output) as archive:
        names = [Path(path).name for path in archive["files"]]
        assert names == ["cat.jpg", "cat_gray.jpg", "fish-bike.jpg"]
        assert not np.array_equal(archive["conv1"][0], archive["conv1"][1])
