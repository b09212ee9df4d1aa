"""The time that each layer of a pass takes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.engine.run.executor import Executor
from alexnet_cy.engine.text_table import text_table

__all__ = ["LayerTiming", "Profile", "profile"]


@dataclass(frozen=True, slots=True)
class LayerTiming:
    """One layer of a pass over a batch, timed several times.

    Attributes
    ----------
    name, algorithm : str
    median_ms, min_ms : float
        Milliseconds for the whole batch.
    macs : int
        Multiply-accumulates for the whole batch.
    nbytes : int
        Bytes of weights, input and output for the whole batch, each counted once.
    """

    name: str
    algorithm: str
    median_ms: float
    min_ms: float
    macs: int
    nbytes: int

    @property
    def gflops(self) -> float:
        """Billions of floating-point operations per second, two per multiply-accumulate."""
        return 2e-6 * self.macs / self.median_ms

    @property
    def gbytes_per_s(self) -> float:
        """Billions of bytes per second."""
        return 1e-6 * self.nbytes / self.median_ms


@dataclass(frozen=True, slots=True)
class Profile:
    """The timings of all layers of a pass.

    Attributes
    ----------
    batch, threads, repeats : int
    layers : tuple of LayerTiming
        In the order of the pass; conv1 includes the conversion of the images.
    total_ms, total_min_ms : float
        Median and minimum of whole passes, in milliseconds.
    """

    batch: int
    threads: int
    repeats: int
    layers: tuple[LayerTiming, ...]
    total_ms: float
    total_min_ms: float

    def __str__(self) -> str:
        header = ("layer", "algorithm", "median ms", "min ms", "GFLOP/s", "GB/s")
        rows = [
            (
                layer.name,
                layer.algorithm,
                f"{layer.median_ms:.3f}",
                f"{layer.min_ms:.3f}",
                f"{layer.gflops:.1f}" if layer.macs else "",
                f"{layer.gbytes_per_s:.1f}",
            )
            for layer in self.layers
        ]
        rows.append(("total", "", f"{self.total_ms:.3f}", f"{self.total_min_ms:.3f}", "", ""))
        return text_table(header, rows, right_aligned=range(2, 6))


def profile(
    executor: Executor, images: Float32Array | PixelBatch, threads: int, repeats: int
) -> Profile:
    """Time the layers of a pass.

    Parameters
    ----------
    executor : Executor
    images : ndarray of float32, shape (N, C, H, W), or PixelBatch; N at least 1
    threads : int
    repeats : int
        Passes that count, at least 1; two more go before them, to load and to warm up.

    Returns
    -------
    Profile
    """
    executor.warm_up(images, threads)
    seconds: dict[str, list[float]] = {step.name: [] for step in executor.plan.steps}
    totals = []
    for _ in range(repeats):
        spent: defaultdict[str, float] = defaultdict(float)

        def clock(name: str, elapsed: float, spent: defaultdict[str, float] = spent) -> None:
            spent[name] += elapsed

        executor.run(images, threads, clock)
        for name, elapsed in spent.items():
            seconds[name].append(elapsed)
        totals.append(sum(spent.values()))
    n_images = images.shape[0]
    layers = tuple(
        LayerTiming(
            step.name,
            step.algorithm,
            1e3 * float(np.median(seconds[step.name])),
            1e3 * min(seconds[step.name]),
            step.macs * n_images,
            step.weight_bytes + step.activation_bytes * n_images,
        )
        for step in executor.plan.steps
    )
    total_ms = 1e3 * float(np.median(totals))
    return Profile(n_images, threads, repeats, layers, total_ms, 1e3 * min(totals))
