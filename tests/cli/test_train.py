"""`alexnet-cy train`, and `finetune` of more than the head."""

import pytest
from support.photographs import make_photographs


@pytest.fixture
def pictures(tmp_path):
    return make_photographs(tmp_path / "pictures", 6)


def test_a_network_is_trained_and_goes_on(run, small_networks, pictures, tmp_path):
    common = (
        "train", pictures, "-o", tmp_path / "run", "--variant", "torchvision", "--epochs", 2,
        "--preset", "torchvision-warp", "--batch", 4, "--seed", 1, "--json",
    )  # fmt: skip
    outcome = run(*common, "--time-limit", "0s")
    assert outcome.status == 0
    assert outcome.json["history"] == {}
    assert outcome.json["train_accuracy"] is None
    assert "weight decay: 0.0005" in outcome.err
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
