"""The training loop."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from math import log
from time import monotonic
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.errors import TrainingError, WeightsError
from alexnet_cy.training.data.random_numbers import Stream, permutation
from alexnet_cy.training.loop.interrupts import StopRequest, stop_requests
from alexnet_cy.training.loop.progress import TrainingProgress
from alexnet_cy.training.loop.run_folder import RunFolder
from alexnet_cy.training.loop.schedules import EarlyStopping, Schedule, StepLR
from alexnet_cy.training.loop.sgd import SGD
from alexnet_cy.training.loop.sources import Source
from alexnet_cy.training.loop.state_file import State
from alexnet_cy.training.loop.telling import StepReport, Teller
from alexnet_cy.training.network import Network
from alexnet_cy.training.step.network import TrainingNetwork

__all__ = ["Reduce", "Trainer"]

Reduce: TypeAlias = Callable[[Mapping[str, Float32Array]], None]
"""Changes the gradients in place, between the backward pass and the update."""

STALL_STEPS = 200
STALL_SHARE = 0.01
RECENT_STEPS = 50
VALIDATION_BATCH = 64


class Trainer:
    """Trains a network, epoch by epoch.

    The weights after a step are the same bits for any number of threads, and for a training that
    was ended at any step and went on: the order of the images, the views and what is dropped are
    functions of the seed, the epoch and the image.

    Parameters
    ----------
    network : TrainingNetwork
        It owns the weights, and is changed.
    sgd : SGD
    schedule : StepLR or ReduceLROnPlateau, optional
        The rate stays if left out.
    warmup : int
        Steps in which the rate grows to its value.
    batch_size : int
        The last batch of an epoch may be smaller.
    class_weights : array_like, shape (classes,), optional
        What an image of each class counts.
    early_stopping : EarlyStopping, optional
    seed : int
        Of the order of the images and of their views.
    reduce : callable, optional
        For several processes: adds up their gradients.
    worker : (int, int)
        With `reduce`, which of how many processes this is; it computes its share of each batch.
    make_network : callable, optional
        Makes what checkpoints save of weights by name; without it there are no weight files.
    conditions : str
        What else must be the same for a `resume`, in words: the images, their views.

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it.
    """

    def __init__(
        self,
        network: TrainingNetwork,
        sgd: SGD,
        *,
        schedule: Schedule | None = None,
        warmup: int = 0,
        batch_size: int = 32,
        class_weights: ArrayLike | None = None,
        early_stopping: EarlyStopping | None = None,
        seed: int = 0,
        reduce: Reduce | None = None,
        worker: tuple[int, int] = (0, 1),
        make_network: Callable[[Mapping[str, Any]], Network] | None = None,
        conditions: str = "",
    ) -> None:
        self.network = network
        self._sgd = sgd.check(name.rpartition(".")[0] for name in network.parameters)
        self._schedule = StepLR(1, 1.0) if schedule is None else schedule
        self._warmup = as_count(warmup, "warmup", minimum=0)
        self._batch_size = as_count(batch_size, "batch_size")
        self._class_weights = class_weights
        self._early_stopping = early_stopping
        self._seed = as_count(seed, "seed", minimum=0)
        self._reduce = reduce
        self._rank, self._n_workers = worker
        if not 0 <= self._rank < self._n_workers <= self._batch_size:
            raise ValueError(f"worker: need (number, count) of a batch's workers, got {worker!r}")
        self._make_network = make_network
        self.progress = TrainingProgress(settings=self._settings(conditions))
        self.best_weights: dict[str, Float32Array] | None = None

    def fit(
        self,
        train: Source,
        val: Source,
        epochs: int,
        *,
        folder: str | os.PathLike[str] | None = None,
        resume: bool = False,
        time_limit_s: float | None = None,
        on_step: Callable[[StepReport], None] | None = None,
    ) -> dict[str, list[float]]:
        """Train up to a number of epochs.

        Parameters
        ----------
        train, val : Source
            To learn from, and to measure with after every epoch.
        epochs : int
            In all, those before a `resume` among them.
        folder : path-like, optional
            Where checkpoints and logs go, after every epoch, and when the training ends early.
        resume : bool
            Go on from the state in the folder, if there is one.
        time_limit_s : float, optional
            Save and return after the step that goes beyond it.
        on_step : callable, optional

        Returns
        -------
        dict of str to list of float
            A value for each whole epoch: "lr", "loss", "accuracy", "val_loss", "val_accuracy".

        Raises
        ------
        TrainingError
            The loss is NaN or infinite. `best_weights` has the weights of the best epoch, and the
            folder the checkpoints from before.
        KeyboardInterrupt
            Ctrl-C: after the step, and after saving.
        WeightsError
            The state cannot be read, or is of other settings.
        OSError
            A checkpoint cannot be written; the one before it stands.
        """
        epochs = as_count(epochs, "epochs")
        run = None if folder is None else RunFolder(folder)
        if run is not None and resume and run.has_state:
            self._take(run.read_state(), len(train.labels))
        ends_at = None if time_limit_s is None else monotonic() + time_limit_s
        clock = Teller(on_step)
        with stop_requests() as request:
            while self.progress.epoch < epochs and not self._is_over():
                if not self._run_epoch(train, request, ends_at, clock):
                    if run is not None:
                        self._save(run)
                    request.end()
                    return self.progress.history
                self._end_epoch(val, run)
        return self.progress.history

    def _run_epoch(
        self, train: Source, request: StopRequest, ends_at: float | None, clock: Teller
    ) -> bool:
        """Take the steps of an epoch that are left; False if it was ended before."""
        progress, size = self.progress, self._batch_size
        n_images = len(train.labels)
        order = permutation(self._seed, Stream.SHUFFLE, n_images, progress.epoch)
        n_steps = -(-n_images // size)
        factor = self._schedule.factor(progress.epoch, progress.history.get("val_loss", []))
        while progress.step < n_steps:
            rows = order[progress.step * size : (progress.step + 1) * size]
            if self._warmup:
                warm = min(1.0, (progress.total_steps + 1) / self._warmup)
            else:
                warm = 1.0
            self._step(train, rows, factor * warm)
            progress.step += 1
            progress.total_steps += 1
            self._warn_of_a_stall()
            lr = self._sgd.lr * factor * warm
            clock.tell(progress, n_steps, len(rows), lr)
            if request.signal is not None or (ends_at is not None and monotonic() > ends_at):
                return False
        progress.note(
            lr=self._sgd.lr * factor,
            loss=progress.loss_sum / progress.seen,
            accuracy=progress.correct / progress.seen,
        )
        return True

    def _step(self, train: Source, rows: NDArray[np.intp], factor: float) -> None:
        """Take a step, and add what it says to the progress."""
        progress = self.progress
        own = rows[self._rank :: self._n_workers]
        x = train.batch(own, self._seed, progress.epoch)
        labels = train.labels[own]
        rates = self._sgd.rates(self.network.parameters, factor)
        arguments: dict[str, Any] = {
            "class_weights": self._class_weights,
            "epoch": progress.epoch,
            "indices": own,
        }
        if self._reduce is None:
            result = self.network.step(x, labels, rates, **arguments)
        else:
            divisor = self._divisor(train.labels[rows])
            result = self.network.accumulate(x, labels, divisor=divisor, **arguments)
            self._reduce(self.network.gradient_arrays())
            self.network.update(rates)
        if not np.isfinite(result.loss):
            raise TrainingError(
                f"the loss is {result.loss} in step {progress.step + 1} of epoch "
                f"{progress.epoch + 1}: a smaller learning rate than {self._sgd.lr * factor:g}, a "
                "tenth of it, or a warm-up usually helps; the checkpoints of before stand"
            )
        progress.loss_sum += float(result.losses.sum())
        progress.correct += int(result.correct.sum())
        progress.seen += len(own)
        recent = [*progress.recent_losses, float(result.losses.mean())]
        progress.recent_losses = recent[-RECENT_STEPS:]

    def _divisor(self, labels: NDArray[np.int64]) -> float:
        """Return what the losses of all workers' images are divided by."""
        if self._class_weights is None:
            return float(len(labels))
        return float(np.asarray(self._class_weights, np.float64)[labels].sum())

    def _end_epoch(self, val: Source, run: RunFolder | None) -> None:
        """Measure, keep the best weights, save."""
        progress = self.progress
        loss, accuracy = self._validate(val)
        best = max(progress.history.get("val_accuracy", []), default=-1.0)
        progress.note(val_loss=loss, val_accuracy=accuracy)
        is_best = accuracy > best
        if is_best:
            progress.best_epoch = progress.epoch
            self.best_weights = self.network.weights()
        progress.begin_epoch()
        if run is not None:
            self._save(run, is_best=is_best)

    def _validate(self, val: Source) -> tuple[float, float]:
        """Return the mean loss and the share of right answers."""
        losses, correct = 0.0, 0
        n_images = len(val.labels)
        for first in range(0, n_images, VALIDATION_BATCH):
            rows = np.arange(first, min(first + VALIDATION_BATCH, n_images))
            y = self.network.predict(val.batch(rows, self._seed, 0)).astype(np.float64)
            labels = val.labels[rows]
            y -= y.max(axis=1, keepdims=True)
            own = y[np.arange(len(y)), labels]
            losses += float((np.log(np.exp(y).sum(axis=1)) - own).sum())
            correct += int((y.argmax(axis=1) == labels).sum())
        return losses / n_images, correct / n_images

    def _save(self, run: RunFolder, *, is_best: bool = False) -> None:
        weights = self.network.weights()
        if is_best and self._make_network is not None:
            run.write_best(self._make_network(weights))
        run.write_state(State(weights, self.network.velocities(), self.progress))
        if self._make_network is not None:
            run.write_last(self._make_network(weights))
        run.write_logs(self.progress)

    def _take(self, state: State, n_images: int) -> None:
        """Go on from a state."""
        if state.progress.settings != self.progress.settings:
            raise WeightsError(
                "resume: the state in the folder is of a training with other settings: "
                f"{state.progress.settings}; these are {self.progress.settings}"
            )
        if state.progress.step > -(-n_images // self._batch_size):
            raise WeightsError(
                f"resume: the state is damaged: step {state.progress.step} of an epoch of "
                f"{n_images} images"
            )
        for kind, arrays in (("weights", state.weights), ("velocities", state.velocities)):
            if missing := sorted(set(self.network.parameters) - set(arrays)):
                raise WeightsError(f"resume: the state has no {kind} of {', '.join(missing)}")
            for name, array in arrays.items():
                if array.dtype != np.float32 or not np.isfinite(array).all():
                    raise WeightsError(
                        f"resume: the state is damaged: the {kind} of {name} are no finite float32"
                    )
        try:
            self.network.set_weights(state.weights)
            self.network.set_velocities(state.velocities)
        except ValueError as error:
            raise WeightsError(f"resume: the state does not fit the network: {error}") from error
        self.progress = state.progress

    def _settings(self, conditions: str) -> str:
        """Return what decides the bits, for `resume` to compare."""
        own = (
            f"{self._sgd!r}, {self._schedule!r}, warmup={self._warmup}, "
            f"batch_size={self._batch_size}, seed={self._seed}"
        )
        return f"{own}, {conditions}" if conditions else own

    def _is_over(self) -> bool:
        stopping = self._early_stopping
        return stopping is not None and stopping.is_over(self.progress.history.get("val_loss", []))

    def _warn_of_a_stall(self) -> None:
        """Warn, once, of a loss that is what guessing gives."""
        progress = self.progress
        if progress.total_steps != STALL_STEPS:
            return
        guessing = log(self.network.num_classes)
        loss = sum(progress.recent_losses) / len(progress.recent_losses)
        if abs(loss - guessing) <= STALL_SHARE * guessing:
            warnings.warn(
                f"the loss is {loss:.4f} after {STALL_STEPS} steps, and guessing gives ln("
                f"{self.network.num_classes}) = {guessing:.4f}: nothing is learnt. Usual causes: "
                "the initial weights (init 'he' learns where 'paper' and 'torch' stand still), a "
                "learning rate that is too small or, at first, too large (a warm-up), labels that "
                "do not belong to their images",
                stacklevel=4,
            )
