"""The fully connected layers: forward with dropout, backward, and their updates on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.records import record
from alexnet_cy.contracts.scalars import as_count, as_real
from alexnet_cy.kernels.training._dropout import dropout
from alexnet_cy.kernels.training._linear_gradients import LinearDataGradient
from alexnet_cy.network import Linear, Variant
from alexnet_cy.training.step.trunk import Clock
from alexnet_cy.training.step.weights.linear_weights import LinearWeights

__all__ = ["Draws", "Head", "check_dropout", "default_dropout"]

# The first number of the streams of dropout, one a layer: beside those of `Stream`.
DROPOUT_STREAM = 16

OnLayer = Callable[[LinearWeights, Float32Array, Float32Array, LinearDataGradient | None], None]


@record(frozen=True, slots=True)
class Draws:
    """What decides which inputs are dropped, besides the layer.

    Attributes
    ----------
    seed, epoch : int
    indices : ndarray of int64, shape (N,)
        The place of each image in its data set: not in the batch, so that neither the size of a
        batch nor the order of its images changes what an image loses.

    Raises
    ------
    TypeError, ValueError
        `seed` is no whole number of 64 bits, or `epoch` none of 32.
    """

    seed: int
    epoch: int
    indices: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check the numbers: the kernel's counters have so many bits."""
        for name, bits in (("seed", 64), ("epoch", 32)):
            if as_count(getattr(self, name), name, minimum=0) >= 2**bits:
                raise ValueError(f"{name}: need a number below 2**{bits}")


class Head:
    """The fully connected layers for a number of images, which are held together.

    Parameters
    ----------
    layers : sequence of LinearWeights
        In the order of the forward pass.
    rates : mapping of str to float
        The fraction of a layer's inputs that is dropped, by its name; none if it is not there.
    learning : collection of str
        Names of the layers whose weights learn.
    n_images : int
    kernels : capsule
    """

    def __init__(
        self,
        layers: Sequence[LinearWeights],
        rates: Mapping[str, float],
        learning: Collection[str],
        n_images: int,
        kernels: object,
    ) -> None:
        self.n_images = n_images
        self._layers = layers
        self._rates = [rates.get(layer.layer.name, 0.0) for layer in layers]
        self._learns = [layer.layer.name in learning for layer in layers]
        self._kernels = kernels
        # inputs[i] is what layer i reads, dropped already; the last one is the logits.
        widths = [layers[0].packed.in_features, *(layer.packed.out_features for layer in layers)]
        self._values = [np.zeros((n_images, width), np.float32) for width in widths]
        self._gradients = [np.zeros((n_images, width), np.float32) for width in widths]

    @property
    def inputs(self) -> Float32Array:
        """What the first layer reads, (n_images, F): for the trunk to write."""
        return self._values[0]

    @property
    def logits_gradient(self) -> Float32Array:
        """The gradient by the logits, (n_images, classes): for the loss to write."""
        return self._gradients[-1]

    @property
    def input_gradient(self) -> Float32Array:
        """The gradient by `inputs`."""
        return self._gradients[0]

    def forward(
        self, draws: Draws | None, count: int, threads: int, clock: Clock | None = None
    ) -> Float32Array:
        """Return the logits of the first `count` images, (count, classes).

        Parameters
        ----------
        draws : Draws or None
            None: nothing is dropped.
        count : int
        threads : int
        clock : callable, optional
        """
        for i, layer in enumerate(self._layers):
            x, y = self._values[i][:count], self._values[i + 1][:count]
            if draws is not None:
                self._drop(i, x, draws, threads)
            layer.bind_forward(x, y).run(threads)
            if clock is not None:
                clock(f"{layer.layer.name} forward")
        return self._values[-1][:count]

    def backward(
        self,
        draws: Draws,
        count: int,
        threads: int,
        *,
        to_inputs: bool,
        on_layer: OnLayer,
    ) -> None:
        """Take the gradient by the logits down to the lowest layer that learns, or the inputs.

        Parameters
        ----------
        draws : Draws
            Those of `forward`.
        count : int
            As of `forward`.
        threads : int
        to_inputs : bool
            Whether `input_gradient` is wanted.
        on_layer : callable
            Called for each layer that learns with its weights, what it read, the gradient by what
            it computed in front of its ReLU, and what is to be run, if anything, before it changes
            the weights: the gradient by what the layer read.
        """
        lowest = 0 if to_inputs else self._learns.index(True)
        for i in reversed(range(lowest, len(self._layers))):
            layer, x, e = self._layers[i], self._values[i][:count], self._gradients[i + 1][:count]
            wanted = to_inputs or i > lowest
            data = self._bind_data_gradient(i, count) if wanted else None
            if self._learns[i]:
                on_layer(layer, x, e, data)
            elif data is not None:
                data.run(threads)
            if wanted and not self._behind_relu(i):
                self._drop(i, self._gradients[i][:count], draws, threads)

    def _behind_relu(self, i: int) -> bool:
        return i > 0 and self._layers[i - 1].layer.relu

    def _bind_data_gradient(self, i: int, count: int) -> LinearDataGradient:
        """Bind the gradient by what layer i - 1 computed in front of its ReLU.

        Without a ReLU there, it is that by what layer i has read, and dropping is left to do.
        """
        x, e, dx = (
            self._values[i][:count],
            self._gradients[i + 1][:count],
            self._gradients[i][:count],
        )
        if self._behind_relu(i):
            # x is 0 where the ReLU gave 0, and where it was dropped
            return self._layers[i].bind_data_gradient(e, dx, x, 1 / (1 - self._rates[i]))
        return self._layers[i].bind_data_gradient(e, dx, None, 1.0)

    def _drop(self, i: int, x: Float32Array, draws: Draws, threads: int) -> None:
        if self._rates[i] > 0:
            dropout(
                self._kernels,
                x,
                x,
                self._rates[i],
                draws.seed,
                DROPOUT_STREAM + i,
                draws.epoch,
                draws.indices,
                threads,
            )


def check_dropout(rates: Mapping[str, float], linears: Sequence[LinearWeights]) -> dict[str, float]:
    """Return the fractions that are dropped; TypeError or ValueError if one does not fit."""
    names = [one.layer.name for one in linears]
    for name, rate in rates.items():
        if name not in names:
            raise ValueError(f"dropout: need names of {', '.join(names)}, got {name!r}")
        if not 0 <= as_real(rate, f"dropout: {name}") < 1:
            raise ValueError(f"dropout: {name}: need a number from 0 to below 1, got {rate}")
    return {name: float(rate) for name, rate in rates.items()}


def default_dropout(variant: Variant, fraction: float) -> dict[str, float]:
    """Return where a network drops inputs in training, for `TrainingNetwork`.

    Caffe's networks and the paper's drop the outputs of all fully connected layers but the last:
    the inputs of all but the first. torchvision's drops the inputs of all but the last.

    Parameters
    ----------
    variant : Variant
    fraction : float
        0.5 in both.
    """
    names = [layer.name for layer in variant.layers if isinstance(layer, Linear)]
    dropping = names[:-1] if variant.preset == "torchvision" else names[1:]
    return dict.fromkeys(dropping, fraction)
