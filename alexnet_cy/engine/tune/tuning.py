"""The measured choice of algorithms: every candidate of every convolution, timed in a pass.

A pass up to the last convolution runs with one algorithm everywhere, then with the next, in turn:
so each layer finds its input and the caches as in use, conv1's time has the layout of the images in
it, and a slow moment of the machine meets all candidates alike. The weights are random, as no time
depends on them, and are given up afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import perf_counter
from types import MappingProxyType

import numpy as np

from alexnet_cy.contracts.records import record
from alexnet_cy.engine.choice.conv_algorithms import able_algorithms, requested_algorithm
from alexnet_cy.engine.choice.conv_problem import ConvProblem
from alexnet_cy.engine.run.executor import Executor
from alexnet_cy.engine.runner import Runner
from alexnet_cy.engine.text_table import text_table
from alexnet_cy.engine.tune.tuning_cache import Times, entry_key, read_times, write_times
from alexnet_cy.network import Conv, Variant
from alexnet_cy.network.random_weights import random_tensors

__all__ = ["TunedLayer", "Tuning", "check_choice", "measure_ms", "tune"]

# Rounds until this much time is spent, but no fewer than give a median, and no more than help it.
ENOUGH_S = 1.0
FEWEST_ROUNDS = 3
MOST_ROUNDS = 25

SEED = 0


@record(frozen=True, slots=True)
class TunedLayer:
    """A convolution and what its candidates took.

    Attributes
    ----------
    name : str
    times_ms : mapping of str to float
        Median milliseconds for the whole batch, for each algorithm that can compute the layer.
    """

    name: str
    times_ms: Times

    @property
    def chosen(self) -> str:
        """The fastest algorithm; of equals the first."""
        return min(self.times_ms, key=self.times_ms.__getitem__)


@record(frozen=True, slots=True)
class Tuning:
    """The result of `AlexNet.tune`. Prints as a table.

    Attributes
    ----------
    batch, threads : int
        The conditions of the measurement.
    layers : tuple of TunedLayer
        The convolutions in order.
    measured : bool
        True if this call measured them, False if the times had been kept.
    """

    batch: int
    threads: int
    layers: tuple[TunedLayer, ...]
    measured: bool

    @property
    def choices(self) -> Mapping[str, str]:
        """The chosen algorithms by layer."""
        return MappingProxyType({layer.name: layer.chosen for layer in self.layers})

    def __str__(self) -> str:
        algorithms = dict.fromkeys(name for layer in self.layers for name in layer.times_ms)
        header = ("layer", *(f"{name} ms" for name in algorithms), "chosen")
        rows = []
        for layer in self.layers:
            times = (layer.times_ms.get(name) for name in algorithms)
            cells = ("" if ms is None else f"{ms:.3f}" for ms in times)
            rows.append((layer.name, *cells, layer.chosen))
        images = f"batch {self.batch}, {self.threads} thread{'s' if self.threads > 1 else ''}"
        source = "measured now" if self.measured else "from earlier measurements"
        table = text_table(header, rows, right_aligned=range(1, len(header) - 1))
        return f"{table}\n{images}, {source}"


def tune(
    variant: Variant,
    height: int,
    width: int,
    *,
    batch: int,
    threads: int,
    level: str,
    algorithm: str = "auto",
    exact: bool = False,
    kept_in: Path | None = None,
    fresh: bool = False,
) -> Tuning:
    """Time the candidates of every convolution, or look up what they took.

    Parameters
    ----------
    variant : Variant
    height, width : int
        Of the images, in pixels.
    batch, threads : int
        At least 1.
    level : str
        The instruction-set level.
    algorithm : str
        The network's; must leave a choice.
    exact : bool
        Leave out Winograd.
    kept_in : Path, optional
        The file of earlier measurements, which will hold these too.
    fresh : bool
        Measure even if it has them.

    Raises
    ------
    ValueError
        The algorithm is forced, or the images are too small for a convolution.
    """
    check_choice(algorithm)
    problems = _problems(variant, height, width)
    keys = {
        name: entry_key(
            problem,
            able_algorithms(problem, exact=exact),
            level=level,
            threads=threads,
            batch=batch,
        )
        for name, problem in problems.items()
    }
    kept = {} if kept_in is None else read_times(kept_in)
    known = {name: kept.get(key, {}) for name, key in keys.items()}
    complete = all(
        set(known[name]) == set(able_algorithms(problem, exact=exact))
        for name, problem in problems.items()
    )
    if fresh or not complete:
        known = measure_ms(
            variant, height, width, batch=batch, threads=threads, level=level, exact=exact
        )
        if kept_in is not None:
            write_times(kept_in, {keys[name]: times for name, times in known.items()})
    layers = tuple(
        TunedLayer(name, {a: known[name][a] for a in able_algorithms(problem, exact=exact)})
        for name, problem in problems.items()
    )
    return Tuning(batch, threads, layers, measured=fresh or not complete)


def check_choice(algorithm: str = "auto") -> None:
    """Refuse to tune where the network's algorithm or ALEXNET_CY_CONV is forced: ValueError."""
    source, requested = requested_algorithm(algorithm)
    if requested != "auto":
        raise ValueError(
            f"tune: nothing to choose, {source} makes {requested!r} compute every convolution"
        )


def measure_ms(
    variant: Variant, height: int, width: int, *, batch: int, threads: int, level: str, exact: bool
) -> dict[str, Times]:
    """Time the candidates of every convolution; the parameters are those of `tune`.

    Returns
    -------
    dict of str to dict of str to float
        By layer and algorithm, the median of several rounds in milliseconds.
    """
    problems = _problems(variant, height, width)
    able = {name: able_algorithms(problem, exact=exact) for name, problem in problems.items()}
    algorithms = dict.fromkeys(algorithm for names in able.values() for algorithm in names)
    runner = Runner(variant, random_tensors(variant, SEED), exact=exact, level=level)
    last = list(problems)[-1]
    executors = {
        algorithm: runner.executor(
            height,
            width,
            (last,),
            {name: algorithm for name in problems if algorithm in able[name]},
        )
        for algorithm in algorithms
    }
    shape = (batch, variant.in_channels, height, width)
    images = np.random.default_rng(SEED).standard_normal(shape, np.float32)
    for executor in executors.values():
        executor.warm_up(images, threads)
    rounds: list[dict[str, dict[str, float]]] = []
    started = perf_counter()
    while len(rounds) < FEWEST_ROUNDS or (
        len(rounds) < MOST_ROUNDS and perf_counter() - started < ENOUGH_S
    ):
        rounds.append(
            {name: _pass_ms(executor, images, threads) for name, executor in executors.items()}
        )
    return {
        name: {
            algorithm: median(times[algorithm][name] for times in rounds)
            for algorithm in able[name]
        }
        for name in problems
    }


def _pass_ms(
    executor: Executor, images: np.ndarray[tuple[int, ...], np.dtype[np.float32]], threads: int
) -> dict[str, float]:
    """Run once; return the milliseconds of every step by its name, all blocks together."""
    spent_ms: dict[str, float] = {}

    def clock(name: str, seconds: float) -> None:
        spent_ms[name] = spent_ms.get(name, 0.0) + 1e3 * seconds

    executor.run(images, threads, clock)
    return spent_ms


def _problems(variant: Variant, height: int, width: int) -> dict[str, ConvProblem]:
    """Return the convolutions by name, in order."""
    last = next(layer.name for layer in reversed(variant.layers) if isinstance(layer, Conv))
    return {
        shape.layer.name: ConvProblem.of(
            shape.layer, shape.input_shape, shape.output_shape, reads_images=i == 0
        )
        for i, shape in enumerate(variant.shapes(height, width, last=last))
        if isinstance(shape.layer, Conv)
    }
