"""Measures a training step piece by piece."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.bench.alternate import ShowProgress
from alexnet_cy.bench.conditions import conditions_of
from alexnet_cy.bench.limits import Limits
from alexnet_cy.bench.measure import SEED, describe_run, noise, run_in_turn, totals_of
from alexnet_cy.bench.other_load import WatchOtherLoad
from alexnet_cy.bench.passes import PassTimes, TimedPass
from alexnet_cy.bench.results import LayerResult, Report, RunResult, Times
from alexnet_cy.bench.settings import Settings
from alexnet_cy.bench.training.passes import NumpyStep, OurStep
from alexnet_cy.bench.training.pieces import UPDATE, piece_of
from alexnet_cy.network import Variant
from alexnet_cy.network.random_weights import random_tensors
from alexnet_cy.training.step.network import TrainingNetwork

__all__ = ["measure_training"]

# How far the weights' first changes may lie apart before a comparison of speed means nothing:
# root mean square over the largest. A value that rounding takes across the zero of a ReLU, or
# another pixel that wins a pooling window, changes single gradients by more.
LARGEST_DIFFERENCE = 1e-2


def measure_training(settings: Settings, show_progress: ShowProgress) -> Report:
    """Time training steps of a network of random weights piece by piece.

    Parameters
    ----------
    settings : Settings
        With `training`.
    show_progress : callable
        Called with what comes next, `measure.count_steps(settings)` times.

    Returns
    -------
    Report
        `RunResult.layers` has a row for each piece, in the order of the step.

    Raises
    ------
    ArithmeticError
        Our step is not NumPy's, or the loss overflows: there is nothing to compare.
    """
    watch = WatchOtherLoad()
    show_progress("weights")
    tensors = random_tensors(settings.variant, SEED)
    weights = {name: tensor.read() for name, tensor in tensors.items()}
    runs = tuple(
        _measure_run(settings, batch, threads, weights, show_progress)
        for threads in settings.threads
        for batch in settings.batches
    )
    return Report(conditions_of(settings), runs, watch.result())


def _measure_run(
    settings: Settings,
    batch: int,
    threads: int,
    weights: Mapping[str, np.ndarray],
    show_progress: ShowProgress,
) -> RunResult:
    """Time our step and NumPy's in turn, the limits before and after."""

    def show_run(what: str) -> None:
        show_progress(describe_run(batch, threads, what))

    variant, exact = settings.variant, settings.algorithm == "direct"
    images, labels = noise(variant, batch), labels_for(variant, batch)
    show_run("warming up")
    ours = OurStep(TrainingNetwork(variant, weights, exact=exact, threads=threads), images, labels)
    ours()
    contenders: dict[str, TimedPass] = {"alexnet_cy": ours}
    difference = None
    if settings.with_baseline:
        own = {name: weight.copy() for name, weight in weights.items()}
        numpys = NumpyStep(variant, own, images, labels, threads)
        numpys()
        difference = _difference(ours.network.velocities(), numpys.velocities)
        contenders["NumPy"] = numpys
    times, limits = run_in_turn(contenders, settings, threads, show_run)
    if not all(np.isfinite(one[-1].result).all() for one in times.values()):
        raise ArithmeticError("the loss of random images is no longer finite: fewer --repeats help")
    layers = _rows(settings, batch, times, limits)
    return RunResult(batch, threads, limits, layers, totals_of(layers, times), difference)


def labels_for(variant: Variant, batch: int) -> NDArray[np.int64]:
    """Draw the classes of the images."""
    return np.random.default_rng(SEED).integers(0, variant.num_classes, batch)


def _rows(
    settings: Settings, batch: int, times: Mapping[str, list[PassTimes]], limits: Limits
) -> tuple[LayerResult, ...]:
    rows = []
    for name in times["alexnet_cy"][0].layers_s:
        ours = Times.of([one.layers_s[name] for one in times["alexnet_cy"]])
        piece = piece_of(name, settings.variant, batch)
        numpy = None
        if "NumPy" in times:
            sums = [sum(one.layers_s[part] for part in piece.parts) for one in times["NumPy"]]
            numpy = Times.of(sums)
        rows.append(
            LayerResult(name, "", piece.macs, piece.nbytes, ours, numpy, None, None, limits)
        )
    # Parts of these two come early in the step, of a layout and of what an update leaves to do.
    first = settings.variant.layers[0].name

    def place(row: LayerResult) -> tuple[bool, bool]:
        return row.name.partition(" ")[2] == UPDATE, row.name == f"{first} weights"

    return tuple(sorted(rows, key=place))


def _difference(ours: Mapping[str, np.ndarray], numpys: Mapping[str, np.ndarray]) -> float:
    """Return how far the weights' changes lie apart; refuse steps that do not agree."""
    difference = max(
        float(np.sqrt(np.square(ours[name] - change).mean()) / np.abs(change).max())
        for name, change in numpys.items()
    )
    if not difference <= LARGEST_DIFFERENCE:  # NaN too
        raise ArithmeticError(
            f"the weights' changes in our first step differ from NumPy's by {difference:.1e} of "
            f"the largest, more than {LARGEST_DIFFERENCE:g}: timing them would compare different "
            "computations"
        )
    return difference
