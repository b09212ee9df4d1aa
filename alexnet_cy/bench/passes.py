"""A pass through the network with a clock at every layer: ours, and NumPy's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from alexnet_cy.bench.blas import blas_threads
from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.engine.run.executor import Executor
from alexnet_cy.network import Variant
from alexnet_cy.oracle.baseline import baseline_layer

__all__ = ["NumpyPass", "OurPass", "PassTimes", "TimedPass"]


@dataclass(frozen=True, slots=True)
class PassTimes:
    """One pass.

    Attributes
    ----------
    layers_s : mapping of str to float
        Seconds by layer.
    total_s : float
        Seconds of the pass from outside: the layers and all that is between them.
    result : ndarray of float32, shape (N, classes)
        The probabilities; of a training step the losses, (N,).
    """

    layers_s: Mapping[str, float]
    total_s: float
    result: Float32Array


class TimedPass(Protocol):
    """Something that runs a pass and times it."""

    def __call__(self) -> PassTimes:
        """Run and time one pass."""


@dataclass(frozen=True, slots=True)
class OurPass:
    """Our pass over `images`, shape (N, C, H, W), on `threads` threads."""

    executor: Executor
    images: Float32Array
    threads: int

    def __call__(self) -> PassTimes:
        """Run and time one pass."""
        layers_s: defaultdict[str, float] = defaultdict(float)

        def clock(name: str, seconds: float) -> None:
            layers_s[name] += seconds

        started = perf_counter()
        results = self.executor.run(self.images, self.threads, clock)
        total_s = perf_counter() - started
        return PassTimes(layers_s, total_s, results[self.executor.plan.features[-1]])


@dataclass(frozen=True, slots=True)
class NumpyPass:
    """The NumPy baseline's pass over `images`, its BLAS held to `threads` threads."""

    variant: Variant
    weights: Mapping[str, Float32Array]
    images: Float32Array
    threads: int

    def __call__(self) -> PassTimes:
        """Run and time one pass."""
        layers_s = {}
        y = self.images
        with blas_threads(self.threads):
            started = layer_started = perf_counter()
            for layer in self.variant.layers:
                weight = self.weights.get(f"{layer.name}.weight")
                y = baseline_layer(layer, y, weight, self.weights.get(f"{layer.name}.bias"))
                ended = perf_counter()
                layers_s[layer.name] = ended - layer_started
                layer_started = ended
        return PassTimes(layers_s, layer_started - started, y)
