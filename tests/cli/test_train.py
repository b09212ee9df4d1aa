"""`alexnet-cy train`, and `finetune` of more than the head."""

import pytest
from support.photographs import make_photographs

from alexnet_cy import AlexNet


@pytest.fixture
def pictures(tmp_path):
    return make_photographs(tmp_path / "pictures", 6)


def test_a_network_is_trained_and_goes_on(run, small_networks, pictures, tmp_path):
    common = (
        "train", pictures, "-o", tmp_path / "run", "--variant", "torchvision", "--epochs", 2,
        "--preset", "torchvision-warp", "--batch", 4, "--seed", 1, "--crop", "resized", "--json",
    )  # fmt: skip
    outcome = run(*common, "--time-limit", "0s")
    assert outcome.status == 0
    assert outcome.json["history"] == {}
    assert outcome.json["train_accuracy"] is None
    assert "weight decay: 0.0005" in outcome.err
    assert "crop: resized, 0.08 to 1 of the area" in outcome.err
    assert run(*common).status == 1  # there is a training
    outcome = run(*common, "--resume")
    assert outcome.status == 0
    assert len(outcome.json["history"]["val_loss"]) == 2
    assert outcome.json["classes"] == ["blue", "green", "red"]
    names = "best.safetensors", "last.safetensors", "last.state.safetensors", "log.csv"
    assert all((tmp_path / "run" / name).exists() for name in (*names, "confusion.csv"))
    last = tmp_path / "run" / "last.safetensors"
    measured = run("evaluate", pictures, "--weights", last, "--json").json
    assert measured["images"] == 18
    told = run(*common[:-1], "--resume")
    assert "2 epochs of" in told.out


@pytest.mark.slow
@pytest.mark.parametrize("trainable", ["fc", "all"])
def test_more_layers_than_the_last_learn(run, weights_of, pictures, tmp_path, trainable):
    outcome = run(
        "finetune", pictures, "-o", tmp_path / "mine.safetensors", "--weights",
        weights_of("torchvision"), "--trainable", trainable, "--epochs", 3, "--batch", 5,
        "--lr", "0.0005", "--json",
    )  # fmt: skip
    assert (outcome.status, outcome.err) == (0, "")
    assert len(outcome.json["history"]["loss"]) == 3
    assert outcome.json["frozen_accuracy"] is not None


def test_a_finetuning_is_saved_and_goes_on(run, weights_of, pictures, tmp_path):
    common = (
        "finetune", pictures, "-o", tmp_path / "mine.safetensors", "--weights",
        weights_of("torchvision"), "--trainable", "fc", "--epochs", 2, "--batch", 5,
        "--checkpoints", tmp_path / "run", "--overwrite", "--json",
    )  # fmt: skip
    limited = run(*common, "--time-limit", "0s")
    assert (limited.status, limited.json["history"]) == (0, {})
    refused = run(*common)
    assert (refused.status, "--resume goes on with it" in refused.err) == (1, True)
    outcome = run(*common, "--resume")
    assert (outcome.status, outcome.err) == (0, "")
    assert len(outcome.json["history"]["loss"]) == 2
    assert (tmp_path / "run" / "best.safetensors").exists()


def test_options_of_the_loop_reach_it(run, small_networks, pictures, tmp_path):
    """A rate that never leaves its warm-up learns nothing, so the loss stops falling at once."""
    outcome = run(
        "train", pictures, "-o", tmp_path / "run", "--variant", "torchvision", "--epochs", 9,
        "--preset", "torchvision-warp", "--batch", 8, "--lr", "1e-30", "--warmup", 5,
        "--patience", 2, "--class-weight", "balanced", "--json",
    )  # fmt: skip
    assert outcome.status == 0
    assert "warm-up: 5 steps" in outcome.err
    assert len(outcome.json["history"]["loss"]) == 3


@pytest.mark.parametrize("command", ["train", "finetune"])
def test_images_that_are_taken_as_they_are(run, small_networks, weights_of, tmp_path, command):
    size = AlexNet.load(weights_of("torchvision")).variant.input_size
    pictures = make_photographs(tmp_path / "cut", 5, size=size)
    if command == "train":
        options = ("-o", tmp_path / "run", "--variant", "torchvision", "--epochs", 1)
        mine = tmp_path / "run" / "last.safetensors"
    else:
        mine = tmp_path / "mine.safetensors"
        options = ("-o", mine, "--weights", weights_of("torchvision"))
    outcome = run(command, pictures, *options, "--preset", "as-is", "--json")
    assert (outcome.status, outcome.json["skipped"]) == (0, [])
    assert AlexNet.load(mine).trained_on.preset == "as-is"
    assert run("evaluate", pictures, "--weights", mine, "--json").json["preset"] == "as-is"


def test_learning_curves_are_drawn(run, small_networks, pictures, tmp_path):
    pytest.importorskip("matplotlib")
    from PIL import Image

    outcome = run(
        "train", pictures, "-o", tmp_path / "run", "--variant", "torchvision", "--epochs", 1,
        "--preset", "torchvision-warp", "--batch", 8,
    )  # fmt: skip
    assert outcome.status == 0
    with Image.open(tmp_path / "run" / "curves.png") as picture:
        assert picture.size == (1080, 420)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--epochs", "2"), "--epochs: only with --trainable fc or all"),
        (("--checkpoints", "run"), "--checkpoints: only with --trainable"),
        (("--time-limit", "1h"), "--time-limit: only with --trainable"),
        (("--trainable", "all", "--resume"), "--resume: needs --checkpoints"),
    ],
)
def test_options_of_the_loop_need_it(run, pictures, options, message):
    outcome = run("finetune", pictures, "-o", "mine.safetensors", *options)
    assert outcome.status == 2
    assert message in outcome.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--time-limit", "soon"), "need a time such as"),
        (("--recipe", "mine"), "--recipe"),
        (("--lr", "0"), "--lr"),
    ],
)
def test_wrong_arguments_are_refused(run, pictures, tmp_path, options, message):
    outcome = run("train", pictures, "-o", tmp_path / "run", *options)
    assert outcome.status == 2
    assert message in outcome.err
