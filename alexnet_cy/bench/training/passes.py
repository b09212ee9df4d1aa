"""A training step with a clock at every piece: ours, and NumPy's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.bench.blas import blas_threads
from alexnet_cy.bench.passes import PassTimes
from alexnet_cy.bench.training.pieces import LOSS
from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.network import Conv, Linear, Softmax, Variant
from alexnet_cy.oracle.baseline import baseline_layer
from alexnet_cy.oracle.baseline_gradients import (
    baseline_data_gradient,
    baseline_update,
    baseline_weight_gradients,
)
from alexnet_cy.oracle.gradients import cross_entropy, relu_gradient
from alexnet_cy.training.step.network import TrainingNetwork
from alexnet_cy.training.step.rate import Rate

__all__ = ["NumpyStep", "OurStep"]

# Small, so that random weights and images do not overflow in the steps there are.
RATE, MOMENTUM, DECAY = 1e-4, 0.9, 5e-4


class OurStep:
    """Our step; it owns its weights.

    Parameters
    ----------
    network : TrainingNetwork
        Drops nothing.
    images : float32 array, shape (N, C, H, W)
    labels : ndarray of int64, shape (N,)
    """

    def __init__(
        self, network: TrainingNetwork, images: Float32Array, labels: NDArray[np.int64]
    ) -> None:
        self.network, self._images, self._labels = network, images, labels
        self._rates = dict.fromkeys(network.parameters, Rate(RATE, DECAY, MOMENTUM, "pytorch"))
        layers = network.variant.layers
        trunk = [one.name for one in layers if not isinstance(one, Linear | Softmax)]
        self._layouts = {
            "lay out": f"{trunk[0]} forward",
            "lay out backward": f"{trunk[0]} weights",
        }
        self._last = trunk[-1]

    def __call__(self) -> PassTimes:
        """Take and time one step."""
        pieces: defaultdict[str, float] = defaultdict(float)
        started = last = perf_counter()

        def clock(what: str) -> None:
            nonlocal last
            now = perf_counter()
            pieces[self._piece(what, pieces)] += now - last
            last = now

        result = self.network.step(self._images, self._labels, self._rates, clock=clock)
        total_s = perf_counter() - started
        return PassTimes(pieces, total_s, result.losses.astype(np.float32))

    def _piece(self, what: str, so_far: defaultdict[str, float]) -> str:
        """Name the row that a time belongs to: layouts go with their layers."""
        if what == "flatten":
            return next(name for name in so_far if _ends_with(name, self._last, "forward"))
        if what in self._layouts:
            return self._layouts[what]
        layer, _, kind = what.rpartition(" ")
        kinds = {"refresh": "update", "backward": "data, weights, update"}.get(kind, kind)
        return f"{layer} {kinds}" if layer else what


class NumpyStep:
    """The NumPy baseline's step, its BLAS held to `threads` threads; it owns its weights.

    Parameters
    ----------
    variant : Variant
    weights : dict of str to float32 array
        Changed in place.
    images, labels
        As of `OurStep`.
    threads : int
    """

    def __init__(
        self,
        variant: Variant,
        weights: dict[str, Float32Array],
        images: Float32Array,
        labels: NDArray[np.int64],
        threads: int,
    ) -> None:
        self.velocities = {name: np.zeros_like(weight) for name, weight in weights.items()}
        self._layers = [layer for layer in variant.layers if not isinstance(layer, Softmax)]
        self._weights, self._images, self._labels = weights, images, labels
        self._threads = threads

    def __call__(self) -> PassTimes:
        """Take and time one step."""
        pieces: dict[str, float] = {}
        started = last = perf_counter()

        def clock(name: str) -> None:
            nonlocal last
            now = perf_counter()
            pieces[name] = now - last
            last = now

        with blas_threads(self._threads):
            losses = self._step(clock)
        return PassTimes(pieces, last - started, losses)

    def _step(self, clock: Callable[[str], None]) -> Float32Array:
        values = [self._images]
        for layer in self._layers:
            weight, bias = self._weights_of(layer.name)
            values.append(baseline_layer(layer, values[-1], weight, bias))
            clock(f"{layer.name} forward")
        logits = values[-1]
        _, dy = cross_entropy(logits, self._labels, dtype=np.float32)
        shifted = logits - logits.max(axis=1, keepdims=True)
        own = shifted[np.arange(len(logits)), self._labels]
        losses: Float32Array = np.log(np.exp(shifted).sum(axis=1)) - own
        clock(LOSS)
        gradients: dict[str, Float32Array] = {}
        for i, layer in reversed(list(enumerate(self._layers))):
            x, name = values[i], layer.name
            if i > 0:
                dx = baseline_data_gradient(layer, x, dy, self._weights_of(name)[0])
                before = self._layers[i - 1]
                if isinstance(before, Conv | Linear) and before.relu:
                    dx = relu_gradient(x, dx, dtype=np.float32)
                clock(f"{name} data")
            if isinstance(layer, Conv | Linear):
                found = baseline_weight_gradients(layer, x, dy)
                gradients |= zip((f"{name}.weight", f"{name}.bias"), found, strict=True)
                clock(f"{name} weights")
            if i > 0:
                dy = dx
        for layer in self._layers:
            if isinstance(layer, Conv | Linear):
                for name in (f"{layer.name}.weight", f"{layer.name}.bias"):
                    arrays = self._weights[name], self.velocities[name], gradients[name]
                    baseline_update(*arrays, RATE, MOMENTUM, DECAY)
                clock(f"{layer.name} update")
        return losses

    def _weights_of(self, layer: str) -> tuple[Float32Array | None, Float32Array | None]:
        return self._weights.get(f"{layer}.weight"), self._weights.get(f"{layer}.bias")


def _ends_with(piece: str, layer: str, kind: str) -> bool:
    """Tell the piece of a stage whose last layer this is."""
    layers, _, own = piece.partition(" ")
    return own == kind and layers.split("+")[-1] == layer
