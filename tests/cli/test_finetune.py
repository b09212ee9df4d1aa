"""`alexnet-cy finetune` and `alexnet-cy evaluate`."""

import csv

import numpy as np
import pytest
from support.photographs import make_photographs

from alexnet_cy import AlexNet


@pytest.fixture
def pictures(tmp_path):
    return make_photographs(tmp_path / "pictures", 6)


def test_classes_are_learnt_named_and_measured(run, weights_of, pictures, tmp_path):
    mine, confusion = tmp_path / "mine.safetensors", tmp_path / "confusion.csv"
    common = ("--confusion", confusion, "--overwrite", "--json")
    outcome = run(
        "finetune", pictures, "-o", mine, "--weights", weights_of("torchvision"),
        "--preset", "torchvision-warp", "--val", "0.34", *common,
    )  # fmt: skip
    assert (outcome.status, outcome.err) == (0, "")
    document = outcome.json
    assert document["classes"] == ["blue", "green", "red"]
    assert (document["train_images"], document["images"]) == (12, 6)
    assert document["layer"] == "fc7"
    named = run("classify", pictures / "red" / "0.png", "--weights", mine, "--json").json
    assert named["preset"] == "torchvision-warp"
    assert {p["label"] for p in named["images"][0]["predictions"]} == {"blue", "green", "red"}
    measured = run("evaluate", pictures, "--weights", mine, *common).json
    assert measured["images"] == 18
    known = round(document["top1"] * 6 + document["train_accuracy"] * 12)
    assert measured["top1"] == pytest.approx(known / 18)
    with open(confusion, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert [[int(n) for n in row[1:]] for row in rows[1:]] == measured["confusion"]
    np.testing.assert_array_equal(
        AlexNet.load(mine).weights["conv1.weight"],
        AlexNet.load(weights_of("torchvision")).weights["conv1.weight"],
    )


def test_the_result_is_told_in_words(run, weights_of, pictures, tmp_path):
    (pictures / "red" / "bad.png").write_bytes(b"nothing")
    (pictures / "note.txt").write_bytes(b"nothing")
    weights, mine = weights_of("torchvision"), tmp_path / "mine.safetensors"
    outcome = run("finetune", pictures, "-o", mine, "--weights", weights, "--views", 2, "--no-flip")
    assert outcome.status == 1
    assert "skipped" in outcome.err
    assert "bad.png" in outcome.err
    assert "left out" in outcome.err
    assert "note.txt" in outcome.err
    assert "say little" in outcome.err
    assert "3 classes learnt from" in outcome.out
    assert "the largest class alone" in outcome.out
    strict = run("finetune", pictures, "-o", mine, "--weights", weights, "--strict", "--overwrite")
    assert strict.status == 1
    assert "bad.png" in strict.err
    again = run("evaluate", pictures, "--weights", mine)
    assert again.status == 1
    assert "of 18 images in 3 classes" in again.out


def test_files_are_not_written_over(run, weights_of, pictures, tmp_path):
    mine = tmp_path / "mine.safetensors"
    mine.write_bytes(b"precious")
    outcome = run("finetune", pictures, "-o", mine, "--weights", weights_of("torchvision"))
    assert outcome.status == 1
    assert "--overwrite replaces it" in outcome.err
    assert mine.read_bytes() == b"precious"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "mine.onnx"), "ends in .safetensors"),
        (("-o", "m.safetensors", "--val", "2"), "--val: need a share"),
        (("-o", "m.safetensors", "--c", "-1"), "--c: need a number above 0"),
        (("-o", "m.safetensors", "--views", "0"), "--views"),
    ],
)
def test_wrong_arguments_are_refused(run, pictures, options, message):
    outcome = run("finetune", pictures, *options)
    assert outcome.status == 2
    assert message in outcome.err
