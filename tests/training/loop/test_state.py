"""States of a training that are damaged or edited: refused, and never gone on from in part."""

import json
import os

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from alexnet_cy.errors import WeightsError
from alexnet_cy.training.loop.progress import TrainingProgress
from alexnet_cy.training.loop.state_file import PROGRESS_KEY, State, read_state, write_state
from alexnet_cy.training.loop.trainer import Trainer

PROGRESS = TrainingProgress(
    epoch=2,
    step=1,
    total_steps=9,
    loss_sum=3.5,
    correct=3,
    seen=8,
    recent_losses=[1.0, 0.5],
    best_epoch=1,
    history={"loss": [1.0, 0.5]},
    settings="SGD",
)


class Layer:
    """Of a network, what a trainer asks when it takes a state."""

    parameters = ("fc8.weight",)

    def set_weights(self, weights):
        pass

    set_velocities = set_weights


def taken(path):
    """Take a state as a trainer of 16 images in batches of 4 does."""
    learner = Trainer.__new__(Trainer)
    learner.network, learner._batch_size = Layer(), 4
    learner.progress = TrainingProgress(settings="SGD")
    learner._take(read_state(path), 16)
    return learner.progress


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "last.state.safetensors"
    array = {"fc8.weight": np.ones((3, 4), np.float32)}
    write_state(found, State(array, array, PROGRESS))
    return found


def test_what_is_whole_is_taken(path):
    assert taken(path) == PROGRESS


@pytest.mark.parametrize(
    "change",
    [
        {"epoch": -1},
        {"epoch": "1"},
        {"epoch": 1.5},
        {"epoch": 10**9},
        {"step": None},
        {"step": True},
        {"step": 0},
        {"step": 5},
        {"seen": -3},
        {"correct": 9},
        {"total_steps": "a"},
        {"loss_sum": float("nan")},
        {"loss_sum": "a"},
        {"recent_losses": 3},
        {"recent_losses": ["a"]},
        {"best_epoch": 2},
        {"history": []},
        {"history": {"loss": None}},
        {"history": {"loss": [1.0, 0.5], "val_accuracy": ["a", "b"]}},
        {"history": {"loss": [1.0, 0.5], "lr": [1.0]}},
        {"settings": 3},
    ],
    ids=str,
)
def test_progress(path, change):
    with safe_open(path, "numpy") as file:
        values = json.loads(file.metadata()[PROGRESS_KEY])
    save_file(load_file(path), path, {PROGRESS_KEY: json.dumps(values | change)})
    with pytest.raises(WeightsError, match=r"is damaged|other settings"):
        taken(path)


@pytest.mark.parametrize(
    ("key", "array", "message"),
    [
        ("weight/fc8.weight", None, "has no weights of fc8.weight"),
        ("velocity/fc8.weight", None, "has no velocities of fc8.weight"),
        ("weight/fc8.weight", np.ones((3, 4), np.float16), "weights of fc8.weight are no finite"),
        ("weight/fc8.weight", np.full((3, 4), np.nan, np.float32), "weights of fc8.weight are no"),
        ("velocity/fc8.weight", np.full((3, 4), np.inf, np.float32), "velocities of fc8.weight"),
    ],
)
def test_arrays(path, key, array, message):
    arrays = {name: found for name, found in load_file(path).items() if name != key}
    if array is not None:
        arrays[key] = array
    save_file(arrays, path, {PROGRESS_KEY: PROGRESS.to_text()})
    with pytest.raises(WeightsError, match=message):
        taken(path)


def test_a_fifo(path):
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(WeightsError, match="is no regular file"):
        read_state(path)
