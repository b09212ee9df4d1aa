"""`alexnet-cy classify`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alexnet_cy import AlexNet
from alexnet_cy.weights.caffe import mean as binaryproto

Run = Callable[..., Any]
WeightsOf = Callable[..., Path]


def test_answers_are_the_models(run: Run, weights_of: WeightsOf, photographs: Path) -> None:
    weights = weights_of("caffe")
    outcome = run("classify", photographs, "--weights", weights, "--json", "--top", 3, "-q")
    assert (outcome.status, outcome.err) == (0, "")
    document = outcome.json
    assert document["weights"] == str(weights)
    assert (document["variant"], document["classes"]) == ("caffe", 1000)
    assert (document["format"], document["preset"]) == ("safetensors", "caffe")
    names = ["a.png", "b.jpg", "inner/c.png"]
    assert [entry["path"] for entry in document["images"]] == [str(photographs / n) for n in names]
    expected = AlexNet.load(weights).classify([photographs / n for n in names], top=3)
    for entry, predictions in zip(document["images"], expected, strict=True):
        assert entry["predictions"] == [prediction._asdict() for prediction in predictions]


@pytest.mark.parametrize("preset", ["caffe-10crop", "warp"])
def test_presets(run: Run, weights_of: WeightsOf, photographs: Path, preset: str) -> None:
    weights = weights_of("caffe")
    image = photographs / "a.png"
    outcome = run("classify", image, "--weights", weights, "--preset", preset, "--json")
    expected = AlexNet.load(weights).classify(image, preset=preset)
    assert outcome.err == ""
    assert outcome.json["images"][0]["predictions"] == [p._asdict() for p in expected]


def test_tables(run: Run, weights_of: WeightsOf, photographs: Path) -> None:
    outcome = run("classify", photographs, "--weights", weights_of(), "--top", 2, "--quiet")
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    assert lines[0] == str(photographs / "a.png")
    assert [line.split()[1] for line in lines[1:3]] == ["%", "%"]
    assert all(line.split()[-1].startswith("n0") for line in lines[1:3])
    assert lines[3] == ""
    assert lines[-1].startswith("3 images in ")
    assert "\x1b" not in outcome.out  # no colours where no terminal is


def test_other_classes_have_numbers(run: Run, weights_of: WeightsOf, photographs: Path) -> None:
    weights = weights_of("caffenet", num_classes=7)
    outcome = run("classify", photographs / "a.png", "--weights", weights, "--json", "--top", 99)
    predictions = outcome.json["images"][0]["predictions"]
    assert len(predictions) == 7
    assert {p["wnid"] for p in predictions} == {""}
    assert {p["label"] for p in predictions} == {f"class {i}" for i in range(7)}


def test_bad_image_is_skipped(run: Run, weights_of: WeightsOf, photographs: Path) -> None:
    broken = photographs / "a0.png"
    broken.write_bytes((photographs / "a.png").read_bytes()[:300])
    arguments = ("classify", photographs, photographs / "none.jpg", "--weights", weights_of())
    outcome = run(*arguments, "--json")
    assert outcome.status == 1
    *good, first, second = outcome.json["images"]
    assert [Path(entry["path"]).name for entry in good] == ["a.png", "b.jpg", "c.png"]
    assert first["path"] == str(broken)
    assert "a0.png" in first["error"]
    assert "No such file" in second["error"]
    assert outcome.err.count("alexnet-cy: warning: skipped ") == 2
    assert run(*arguments).status == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("classify", "none.jpg"), "none.jpg: No such file or directory\n"),
        (("classify", "a.jpg", "b.jpg", "c.jpg"), "a.jpg: No such file or directory; nor are the"),
        (("features", "x.h5::brick", "-o", "x.npz"), "x.h5::brick: No such file or directory\n"),
        (("lpips", "none.png", "b.png"), "none.png: No such file or directory; nor are the"),
        (("explain", "none.jpg"), "'none.jpg': No such file or directory\n"),
    ],
)
def test_nothing_is_fetched_for_images_that_are_not_there(
    run: Run, empty_caches: Path, arguments: tuple[str, ...], message: str
) -> None:
    outcome = run(*arguments)
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith(f"alexnet-cy: error: {message}")
    assert "fetching" not in outcome.err


def test_nothing_but_bad_images(run: Run, weights_of: WeightsOf, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"")
    outcome = run("classify", tmp_path / "bad.jpg", "--weights", weights_of())
    assert (outcome.status, outcome.out) == (1, "")
    assert "the file is empty" in outcome.err


def test_folder_without_images(run: Run, weights_of: WeightsOf, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    outcome = run("classify", tmp_path / "empty", "--weights", weights_of())
    assert (outcome.status, outcome.out) == (1, "")
    assert "no images in this folder" in outcome.err
    assert "alexnet-cy: error: no images to classify" in outcome.err


def test_addresses_are_not_fetched(run: Run, weights_of: WeightsOf) -> None:
    outcome = run("classify", "https://127.0.0.1:9/cat.jpg", "--weights", weights_of())
    assert outcome.status == 1
    assert "'https://127.0.0.1:9/cat.jpg': URLs are not fetched" in outcome.err


def test_preset_for_another_variant(run: Run, weights_of: WeightsOf, photographs: Path) -> None:
    outcome = run(
        "classify", photographs / "a.png", "--weights", weights_of("torchvision"), "--preset",
        "warp",
    )  # fmt: skip
    assert outcome.status == 0
    assert (
        "preset 'warp' does not fit variant 'torchvision', whose weights expect 'torchvision'"
        in (outcome.err)
    )


def test_exif(run: Run, weights_of: WeightsOf, tmp_path: Path) -> None:
    upright = np.random.default_rng(0).integers(0, 255, (80, 100, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by half a turn
    Image.fromarray(upright[::-1, ::-1].copy()).save(tmp_path / "turned.png", exif=exif)
    Image.fromarray(upright).save(tmp_path / "upright.png")
    weights = weights_of()

    def answer(name: str, *options: str) -> Any:
        arguments = ("classify", tmp_path / name, "--weights", weights, "--json", *options)
        return run(*arguments).json["images"][0]["predictions"]

    assert answer("turned.png", "--exif") == answer("upright.png")
    assert answer("turned.png") != answer("upright.png")


def test_mean(run: Run, weights_of: WeightsOf, photographs: Path, tmp_path: Path) -> None:
    weights = weights_of()
    image = photographs / "a.png"
    mean = np.random.default_rng(0).uniform(90, 130, (3, 256, 256)).astype(np.float32)
    np.save(tmp_path / "mean.npy", mean)
    binaryproto.write(tmp_path / "mean.binaryproto", mean)
    net = AlexNet.load(weights)

    def answer(text: object) -> Any:
        arguments = ("classify", image, "--weights", weights, "--json", "--mean", text)
        return run(*arguments).json["images"][0]["predictions"]

    def expected(mean: object) -> Any:
        return [p._asdict() for p in net.classify(image, mean=mean)]

    assert answer("104,117,123") == expected((104, 117, 123)) != expected(None)
    assert answer(tmp_path / "mean.npy") == expected(mean)
    assert answer(tmp_path / "mean.binaryproto") == expected(mean)


@pytest.mark.parametrize(
    ("mean", "preset", "message"),
    [
        ("1,2", "caffe", "needs 3 numbers"),
        ("none.npy", "caffe", "'none.npy' is not a file"),
        ("none.binaryproto", "caffe", "'none.binaryproto': cannot be opened"),
        ("1,2,nan", "caffe", "expected finite numbers"),
        ("1,2,3", "torchvision", "scales pixels by its own figures"),
    ],
)
def test_wrong_mean(
    run: Run, weights_of: WeightsOf, photographs: Path, mean: str, preset: str, message: str
) -> None:
    outcome = run(
        "classify", photographs, "--weights", weights_of(), "--mean", mean, "--preset", preset
    )
    assert (outcome.status, outcome.out) == (1, "")
    assert message in outcome.err


def test_wrong_weights(run: Run, photographs: Path) -> None:
    outcome = run("classify", photographs, "--weights", photographs / "notes.txt")
    assert (outcome.status, outcome.out) == (1, "")
    assert "notes.txt': a text file" in outcome.err
    assert "cannot be opened" in run("classify", photographs, "--weights", "none").err


def test_variant_forced(run: Run, weights_of: WeightsOf, photographs: Path) -> None:
    weights = weights_of("caffe")
    image = photographs / "a.png"
    outcome = run("classify", image, "--weights", weights, "--variant", "caffenet", "--json")
    assert outcome.json["variant"] == "caffenet"
    assert "is of variant 'caffe', but 'caffenet' was asked for" in outcome.err
    assert outcome.json["images"] != run("classify", image, "--weights", weights, "--json").json


def test_without_weights_and_network(run: Run, photographs: Path, empty_caches: Path) -> None:
    outcome = run("classify", photographs, "-q")
    assert (outcome.status, outcome.out) == (1, "")  # and above all no classes
    first, second, *advice = outcome.err.splitlines()
    assert first.startswith("alexnet-cy: fetching deep-compression (8.9 MB, license: BSD-2-Clause)")
    assert second.startswith("alexnet-cy: error: https://github.com/songhan/")
    text = "\n".join(advice)
    for part in (
        "mkdir -p",
        "curl -L -o",
        "AlexNet_compressed.net",
        "git hash-object",
        "--weights",
    ):
        assert part in text
    assert str(empty_caches / "AlexNet_compressed.net") in text


def test_names_that_terminals_would_act_on(run: Run, weights_of: WeightsOf, tmp_path: Path) -> None:
    weights = weights_of()
    image = tmp_path / "a\x1b[31m[red]\n.png"
    Image.new("RGB", (30, 30)).save(image)
    outcome = run("classify", image, "--weights", weights)
    assert outcome.out.splitlines()[0] == str(tmp_path / "a\\x1b[31m[red]\\n.png")


def test_many_images_in_batches(
    run: Run, weights_of: WeightsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alexnet_cy.images.batches.VIEWS_AT_A_TIME", 4)
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(9):
        Image.new("RGB", (30, 30), (i * 20, 0, 0)).save(folder / f"{i}.png")
    weights = weights_of()
    images = run("classify", folder, "--weights", weights, "--json").json["images"]
    for image in images:
        alone = run("classify", image["path"], "--weights", weights, "--json").json["images"]
        assert alone == [image]
    assert len(images) == 9
