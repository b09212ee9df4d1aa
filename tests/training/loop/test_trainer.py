"""The loop: it learns, goes on where it ended, warns, stops, and loses nothing."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from support.networks import narrow, random_weights

from alexnet_cy import AlexNet
from alexnet_cy.errors import TrainingError, WeightsError
from alexnet_cy.images.preparation import make_preparation
from alexnet_cy.training.data.augment import Augment
from alexnet_cy.training.loop.schedules import EarlyStopping, StepLR
from alexnet_cy.training.loop.sgd import SGD
from alexnet_cy.training.loop.sources import FeatureSource, PixelSource
from alexnet_cy.training.loop.state_file import read_state
from alexnet_cy.training.loop.trainer import Trainer
from alexnet_cy.training.step.network import TrainingNetwork

CLASSES = 3


def features(count=50, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % CLASSES
    values = rng.standard_normal((count, 40)) + 4 * np.eye(CLASSES, 40)[labels]
    return FeatureSource(values.astype(np.float32), labels)


def trainer(*, sgd=None, threads=None, weights=None, seed=0, **settings):
    """A trainer of the last layer alone: quick."""
    variant = narrow(classes=CLASSES)
    if weights is None:
        weights = random_weights(variant)
    head = {name: weights[name] for name in ("fc7.weight", "fc7.bias", "fc8.weight", "fc8.bias")}
    network = TrainingNetwork(
        variant, head, start="fc7", dropout={"fc8": 0.5}, seed=seed, threads=threads
    )
    settings.setdefault("schedule", StepLR(2, 0.5))
    return Trainer(network, sgd or SGD(0.01), batch_size=8, seed=seed, **settings)


def same_bits(one, other):
    weights, others = one.network.weights(), other.network.weights()
    return all(np.array_equal(weights[name], others[name]) for name in weights)


def test_it_learns_and_keeps_the_best():
    learner = trainer()
    history = learner.fit(features(), features(30, 1), 6)
    assert history["loss"][-1] < history["loss"][0]
    assert history["val_accuracy"][-1] > 0.6
    assert history["lr"] == pytest.approx([0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025])
    assert {len(values) for values in history.values()} == {6}
    best = int(np.argmax(history["val_accuracy"]))
    assert learner.progress.best_epoch == best
    assert learner.best_weights is not None


def test_threads_and_runs_change_no_bit():
    one, other = trainer(threads=1), trainer(threads=3)
    one.fit(features(), features(30, 1), 3)
    other.fit(features(), features(30, 1), 3)
    assert same_bits(one, other)
    third = trainer(seed=1)
    third.fit(features(), features(30, 1), 3)
    assert not same_bits(one, third)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [(1,), (7, 8), (5, 11, 12)])
def test_a_training_that_was_ended_goes_on_with_the_same_bits(tmp_path, steps):
    """Each epoch has seven steps; Ctrl-C comes in those with these numbers."""
    whole = trainer()
    whole_history = whole.fit(features(), features(30, 1), 3)
    for end in steps:
        learner = trainer()
        n_steps = [learner]

        def interrupt(report, end=end, n_steps=n_steps):
            if n_steps[0].progress.total_steps == end:
                os.kill(os.getpid(), signal.SIGINT)

        with pytest.raises(KeyboardInterrupt):
            learner.fit(
                features(), features(30, 1), 3, folder=tmp_path, resume=True, on_step=interrupt
            )
    learner = trainer()
    history = learner.fit(features(), features(30, 1), 3, folder=tmp_path, resume=True)
    assert same_bits(learner, whole)
    assert history == whole_history
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [row["loss"] for row in rows] == history["loss"]
    assert (tmp_path / "log.csv").read_text().startswith("epoch,lr,loss,accuracy,val_loss")


def test_a_time_limit_saves_and_returns(tmp_path):
    learner = trainer()
    history = learner.fit(features(), features(30, 1), 3, folder=tmp_path, time_limit_s=0)
    assert history == {}
    assert read_state(tmp_path / "last.state.safetensors").progress.step == 1


def test_a_state_of_other_settings_is_refused(tmp_path):
    trainer().fit(features(), features(30, 1), 1, folder=tmp_path)
    with pytest.raises(WeightsError, match="other settings"):
        trainer(sgd=SGD(0.5)).fit(features(), features(), 2, folder=tmp_path, resume=True)


@pytest.mark.parametrize("content", [b"", b"nothing", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_state_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "last.state.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match="no state of a training"):
        trainer().fit(features(), features(), 1, folder=tmp_path, resume=True)


def test_a_loss_that_is_no_number_ends_it_and_the_best_weights_stay(tmp_path):
    learner = trainer(sgd=SGD(1e30), warmup=0)
    with pytest.raises(TrainingError, match=r"the loss is .*smaller learning rate than 1e\+30"):
        learner.fit(features(), features(), 5, folder=tmp_path)


def test_a_loss_of_guessing_is_warned_of():
    variant = narrow(classes=CLASSES)
    weights = {name: np.zeros_like(array) for name, array in random_weights(variant).items()}
    learner = trainer(sgd=SGD(1e-9), weights=weights)
    with pytest.warns(UserWarning, match=r"ln\(3\) = 1\.0986: nothing is learnt"):
        learner.fit(features(), features(30, 1), 30)


def test_early_stopping():
    learner = trainer(sgd=SGD(0.0), early_stopping=EarlyStopping(2))
    assert len(learner.fit(features(), features(30, 1), 20)["loss"]) == 3


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    learner = trainer()
    learner.fit(features(), features(30, 1), 1, folder=tmp_path)
    before = (tmp_path / "last.state.safetensors").read_bytes()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        learner.fit(features(), features(30, 1), 2, folder=tmp_path)
    assert (tmp_path / "last.state.safetensors").read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_two_workers_take_the_steps_of_one():
    """Both in one process: the first's gradients wait for the second's."""
    whole = trainer()
    whole.fit(features(48), features(30, 1), 2)
    network = trainer().network
    helper = trainer().network
    data = features(48)

    def add_the_other_half(gradients):
        rows, epoch = pending.pop()
        own = rows[1::2]
        helper.set_weights(network.weights())
        helper.accumulate(
            data.batch(own, 0, epoch), data.labels[own], divisor=len(rows), epoch=epoch, indices=own
        )
        for name, array in helper.gradient_arrays().items():
            gradients[name] += array
        helper.clear()

    pending = []

    class Watched(FeatureSource):
        def batch(self, rows, seed, epoch):
            from alexnet_cy.training.data.random_numbers import Stream, permutation

            order = permutation(0, Stream.SHUFFLE, 48, epoch)
            step = half.progress.step
            pending.append((order[8 * step : 8 * step + 8], epoch))
            return super().batch(rows, seed, epoch)

    half = Trainer(
        network, SGD(0.01), schedule=StepLR(2, 0.5), batch_size=8,
        reduce=add_the_other_half, worker=(0, 2),
    )  # fmt: skip
    half.fit(Watched(data._values, data.labels), features(30, 1), 2)
    for name, array in whole.network.weights().items():
        np.testing.assert_allclose(network.weights()[name], array, atol=1e-5)


@pytest.mark.parametrize("worker", [(2, 2), (-1, 1), (0, 9)])
def test_a_worker_that_cannot_be_is_refused(worker):
    with pytest.raises(ValueError, match=r"^worker"):
        trainer(reduce=lambda gradients: None, worker=worker)


@pytest.mark.slow
def test_pixels_are_learnt_and_saved_as_a_network(tmp_path):
    variant = narrow("torchvision", classes=2)
    rng = np.random.default_rng(0)
    labels = np.arange(8) % 2
    pixels = rng.integers(0, 60, (8, 80, 80, 3), np.uint8) + (120 * labels[:, None, None, None])
    preparation = make_preparation("torchvision-warp", input_size=64)
    make = {"dropout": {"fc6": 0.0}, "threads": 2}
    network = TrainingNetwork(variant, random_weights(variant), **make)
    learner = Trainer(
        network,
        SGD(0.003),
        batch_size=4,
        make_network=lambda weights: AlexNet(variant, weights),
    )
    source = PixelSource(pixels.astype(np.uint8), labels, preparation, Augment(pca_color=0.1))
    val = PixelSource(pixels.astype(np.uint8), labels, preparation)
    history = learner.fit(source, val, 8, folder=tmp_path)
    assert history["val_accuracy"][-1] == 1
    assert (tmp_path / "best.safetensors").exists()
    assert (tmp_path / "last.safetensors").exists()


SCRIPT = """
import sys, time
sys.path[:0] = [{tests!r}, {here!r}]
from test_trainer import features, trainer
learner = trainer()
print("ready", flush=True)
slow = lambda report: time.sleep(0.005)
learner.fit(features(), features(30, 1), 30, folder={folder!r}, resume=True, on_step=slow)
"""


@pytest.mark.slow
def test_a_training_that_is_killed_goes_on_with_the_same_bits(tmp_path):
    """Killed at ten random moments of its second or so."""
    here = os.path.dirname(__file__)
    tests = os.path.dirname(os.path.dirname(here))
    script = SCRIPT.format(tests=tests, here=here, folder=str(tmp_path / "run"))
    rng = np.random.default_rng(0)
    kills = 0
    for _ in range(10):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as child:
            assert child.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0, 0.3))
            kills += child.poll() is None
            child.kill()
    assert kills >= 3
    learner = trainer()
    learner.fit(features(), features(30, 1), 30, folder=tmp_path / "run", resume=True)
    whole = trainer()
    whole.fit(features(), features(30, 1), 30)
    assert same_bits(learner, whole)
    assert learner.progress.history == whole.progress.history
