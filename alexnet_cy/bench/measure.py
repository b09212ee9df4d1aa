"""Measures what a benchmark's settings ask for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from alexnet_cy.bench.alternate import ShowProgress, alternate
from alexnet_cy.bench.conditions import conditions_of
from alexnet_cy.bench.limits import Limits, higher, measure_limits
from alexnet_cy.bench.other_load import WatchOtherLoad
from alexnet_cy.bench.passes import NumpyPass, OurPass, PassTimes, TimedPass
from alexnet_cy.bench.plain_loops import LoopsTiming, time_loops
from alexnet_cy.bench.results import LayerResult, Report, RunResult, Times, Totals
from alexnet_cy.bench.settings import Settings
from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.engine.run.executor import Executor
from alexnet_cy.engine.runner import Runner
from alexnet_cy.engine.tune.tuning import tune
from alexnet_cy.engine.tune.tuning_cache import times_file
from alexnet_cy.network import Variant
from alexnet_cy.network.random_weights import random_tensors
from alexnet_cy.oracle.baseline import baseline_layer

__all__ = ["SEED", "count_steps", "describe_run", "measure", "noise", "run_in_turn", "totals_of"]

SEED = 0

# Runs of a layer in plain loops that count, at most: what they show is a matter of a hundredfold.
LOOPS_REPEATS = 3

# How far float32 results may lie apart before a comparison of speed means nothing.
LARGEST_DIFFERENCE = 1e-3

Loops = Mapping[str, LoopsTiming]


def count_steps(settings: Settings) -> int:
    """Count how often `measure` calls `show_progress`."""
    contenders = 2 if settings.with_baseline else 1
    n_runs = len(settings.batches) * len(settings.threads)
    n_loops = len(settings.variant.layers) if settings.with_loops else 0
    return 1 + n_loops + n_runs * (contenders * settings.repeats + 3 + settings.tuned)


def measure(settings: Settings, show_progress: ShowProgress) -> Report:
    """Time a network of random weights layer by layer.

    Parameters
    ----------
    settings : Settings
    show_progress : callable
        Called with what comes next, `count_steps(settings)` times.

    Returns
    -------
    Report

    Raises
    ------
    ArithmeticError
        Our probabilities are not NumPy's: there is nothing to compare.
    """
    variant, watch = settings.variant, WatchOtherLoad()
    show_progress("weights")
    weights = {name: tensor.read() for name, tensor in random_tensors(variant, SEED).items()}
    runner = Runner(variant, weights, algorithm=settings.algorithm, level=settings.level)
    loops = _time_all_loops(settings, weights, show_progress) if settings.with_loops else {}
    if not settings.with_baseline:
        weights.clear()
    runs = tuple(
        _measure_run(settings, batch, threads, runner, weights, loops, show_progress)
        for threads in settings.threads
        for batch in settings.batches
    )
    return Report(conditions_of(settings), runs, watch.result())


def _measure_run(
    settings: Settings,
    batch: int,
    threads: int,
    runner: Runner,
    weights: Mapping[str, Float32Array],
    loops: Loops,
    show_progress: ShowProgress,
) -> RunResult:
    """Time our pass and NumPy's in turn, the limits before and after."""

    def show_run(what: str) -> None:
        show_progress(describe_run(batch, threads, what))

    variant = settings.variant
    size, last = variant.input_size, variant.layers[-1].name
    if settings.tuned:
        show_run("tuning")
        runner.use_algorithms(_tuned(settings, batch, threads))
    executor, images = runner.executor(size, size, (last,)), noise(variant, batch)
    show_run("warming up")
    executor.warm_up(images, threads)
    contenders: dict[str, TimedPass] = {"alexnet_cy": OurPass(executor, images, threads)}
    if settings.with_baseline:
        contenders["NumPy"] = NumpyPass(variant, weights, images, threads)

    times, limits = run_in_turn(contenders, settings, threads, show_run)
    difference = None
    if settings.with_baseline:
        difference = _difference(times["alexnet_cy"][-1].result, times["NumPy"][-1].result)
    layers = _layer_results(executor, batch, limits, times, loops)
    loops_ms = batch * sum(timing.ms for timing in loops.values()) if loops else None
    return RunResult(batch, threads, limits, layers, totals_of(layers, times, loops_ms), difference)


def describe_run(batch: int, threads: int, what: str) -> str:
    """Say what comes next, in which run."""
    return f"batch {batch}, {threads} thread{'s' if threads > 1 else ''}: {what}"


def run_in_turn(
    contenders: Mapping[str, TimedPass],
    settings: Settings,
    threads: int,
    show_progress: ShowProgress,
) -> tuple[dict[str, list[PassTimes]], Limits]:
    """Time the contenders in turn, and the limits before and after."""
    show_progress("limits")
    limits = measure_limits(settings.level, threads)
    times = alternate(contenders, settings.repeats, show_progress)
    show_progress("limits")
    return times, higher(limits, measure_limits(settings.level, threads))


def _tuned(settings: Settings, batch: int, threads: int) -> Mapping[str, str]:
    """Choose the convolutions' algorithms as `AlexNet.tune` does, and keep the times with its."""
    size = settings.variant.input_size
    return tune(
        settings.variant,
        size,
        size,
        batch=batch,
        threads=threads,
        level=settings.level,
        kept_in=times_file(),
    ).choices


def _layer_results(
    executor: Executor,
    batch: int,
    limits: Limits,
    times: Mapping[str, list[PassTimes]],
    loops: Loops,
) -> tuple[LayerResult, ...]:
    def times_of(contender: str, names: tuple[str, ...]) -> Times | None:
        if contender not in times:
            return None
        return Times.of([sum(one.layers_s[name] for name in names) for one in times[contender]])

    results = []
    for step in executor.plan.steps:
        ours = times_of("alexnet_cy", (step.name,))
        assert ours is not None
        in_loops = [loops[name] for name in step.layer_names if name in loops]
        results.append(
            LayerResult(
                step.name,
                step.algorithm,
                step.macs * batch,
                step.weight_bytes + step.activation_bytes * batch,
                ours,
                times_of("NumPy", step.layer_names),
                batch * sum(timing.ms for timing in in_loops) if in_loops else None,
                min(timing.computed for timing in in_loops) if in_loops else None,
                limits,
            )
        )
    return tuple(results)


def totals_of(
    layers: tuple[LayerResult, ...],
    times: Mapping[str, list[PassTimes]],
    loops_ms: float | None = None,
) -> Totals:
    """Summarise whole passes."""
    ours, numpy = (
        Times.of([one.total_s for one in times[name]]) if name in times else None
        for name in ("alexnet_cy", "NumPy")
    )
    assert ours is not None
    return Totals(ours, numpy, loops_ms, sum(layer.limit_ms for layer in layers))


def noise(variant: Variant, batch: int) -> Float32Array:
    """Draw the input, shape (batch, C, size, size); smaller batches are the beginning of larger."""
    shape = (batch, variant.in_channels, variant.input_size, variant.input_size)
    return np.random.default_rng(SEED).standard_normal(shape, np.float32)


def _time_all_loops(
    settings: Settings, weights: Mapping[str, Float32Array], show_progress: ShowProgress
) -> dict[str, LoopsTiming]:
    """Time every layer in plain loops on one image, its input computed by NumPy."""
    y, loops = noise(settings.variant, 1), {}
    for shapes in settings.variant.shapes():
        layer = shapes.layer
        weight, bias = (weights.get(f"{layer.name}.{kind}") for kind in ("weight", "bias"))
        show_progress(f"{layer.name} in plain loops")
        repeats = min(settings.repeats, LOOPS_REPEATS)
        loops[layer.name] = time_loops(layer, y, weight, bias, shapes.output_shape, repeats)
        y = baseline_layer(layer, y, weight, bias)
    return loops


def _difference(ours: Float32Array, numpys: Float32Array) -> float:
    """Return the largest difference over the largest value; refuse results that do not agree."""
    difference = float(np.abs(ours - numpys).max() / np.abs(numpys).max())
    if not difference <= LARGEST_DIFFERENCE:  # NaN too
        raise ArithmeticError(
            f"our probabilities differ from NumPy's by {difference:.1e} of the largest, more than "
            f"{LARGEST_DIFFERENCE:g}: timing them would compare different computations"
        )
    return difference
