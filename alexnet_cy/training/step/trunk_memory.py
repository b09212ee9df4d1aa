"""The activations of the stages, for as many images as are held, and gradients for a block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.engine.arrays import aligned_zeros
from alexnet_cy.network import MaxPool
from alexnet_cy.network.windows import Padding, Pair
from alexnet_cy.training.step.stages import Stage, Value

__all__ = ["Buffer", "TrunkMemory"]


class Buffer:
    """A value of some images, (N, H, W, C): with its zeros about it, and without.

    Parameters
    ----------
    shape : (H, W, C)
    padding : ((top, bottom), (left, right))
    spread : (down, across)
        The distance of two pixels; there are zeros between them.
    n_images : int
    """

    def __init__(
        self, shape: tuple[int, int, int], padding: Padding, spread: Pair, n_images: int
    ) -> None:
        height, width, channels = shape
        (top, bottom), (left, right) = padding
        self._down = slice(top, top + (height - 1) * spread[0] + 1, spread[0])
        self._across = slice(left, left + (width - 1) * spread[1] + 1, spread[1])
        whole = self._down.stop + bottom, self._across.stop + right
        self._whole = aligned_zeros((n_images, *whole, channels))

    def whole(self, images: slice) -> Float32Array:
        """Return some images with the zeros about them."""
        return self._whole[images]

    def inside(self, images: slice) -> Float32Array:
        """Return some images alone."""
        return self._whole[images, self._down, self._across]


class TrunkMemory:
    """Memory of the stages.

    What the backward pass reads is held for all images, all else for a block: the images as the
    first stage reads them too, which are made again for its weights' gradient. They take as much
    memory as the inputs of all other layers with weights.

    Parameters
    ----------
    stages : sequence of Stage
    n_images : int
        Whose activations are held at once.
    block : int
        Images that go through the stages together.
    """

    def __init__(self, stages: Sequence[Stage], n_images: int, block: int) -> None:
        self.n_images = n_images
        self._held = _held(stages)
        self._values = {stages[0].source.name: _activation(stages[0].source, block)}
        self._gradients: dict[str, Buffer] = {}
        self._winners: dict[str, NDArray[np.uint8]] = {}
        for stage in stages:
            target = stage.target
            held = target.name in self._held
            self._values[target.name] = _activation(target, n_images if held else block)
            if stage.learns or stage.passes_on:
                self._gradients[target.name] = _gradient(target, block)
            if isinstance(stage.layer, MaxPool):
                count = n_images if stage.passes_on else block
                self._winners[stage.name] = np.empty((count, *target.shape), np.uint8)
        if stages[0].passes_on:
            self._gradients[stages[0].source.name] = _gradient(stages[0].source, block)

    def activation(self, value: Value, images: slice) -> tuple[Float32Array, Float32Array]:
        """Return a value of some images, with its padding and without."""
        part = images if value.name in self._held else _from_zero(images)
        buffer = self._values[value.name]
        return buffer.whole(part), buffer.inside(part)

    def gradient(self, value: Value, n_images: int) -> tuple[Float32Array, Float32Array]:
        """Return the gradient by a value, of a block of images, with its zeros and without."""
        buffer = self._gradients[value.name]
        part = slice(0, n_images)
        return buffer.whole(part), buffer.inside(part)

    def winners(self, stage: Stage, images: slice) -> NDArray[np.uint8]:
        """Return which pixel of each window of a pooling was the largest."""
        return self._winners[stage.name][images if stage.passes_on else _from_zero(images)]


def _held(stages: Sequence[Stage]) -> set[str]:
    """Name the values that the backward pass reads, but for what the first stage reads."""
    read = {stage.source.name for stage in stages if stage.learns or stage.passes_on}
    last = stages[-1]
    if last.target.relu and (last.learns or last.passes_on):
        read.add(last.target.name)
    return read - {stages[0].source.name}


def _from_zero(images: slice) -> slice:
    return slice(0, images.stop - images.start)


def _activation(value: Value, n_images: int) -> Buffer:
    return Buffer(value.shape, value.padding, (1, 1), n_images)


def _gradient(value: Value, n_images: int) -> Buffer:
    return Buffer(value.shape, value.gradient_padding, value.spread, n_images)
