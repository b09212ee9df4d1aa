"""One block of memory for all activations: who lives when, and therefore where."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.kernels import _layout
from alexnet_cy.kernels._bound import Bound
from alexnet_cy.network.windows import NO_PADDING, Padding

__all__ = ["Activation", "place"]

FLOATS_PER_CACHE_LINE = 16


@dataclass(slots=True)
class Activation:
    """The value that a layer leaves for the next: its shape, its lifetime, its place.

    Attributes
    ----------
    name : str
        The layer that makes it.
    shape : tuple of int
        (H, W, C) of one image, without padding.
    padding : ((top, bottom), (left, right))
        Zeros about it, there for the convolution that reads it.
    first_step, last_step : int
        The steps of the plan that write it first and use it last.
    offset : int
        Where it starts in the arena, in floats per image of a block.
    """

    name: str
    shape: tuple[int, int, int]
    padding: Padding
    first_step: int
    last_step: int
    offset: int = 0

    @property
    def physical_shape(self) -> tuple[int, int, int]:
        """(H, W, C) with the padding."""
        height, width, channels = self.shape
        (top, bottom), (left, right) = self.padding
        return top + height + bottom, left + width + right, channels

    @property
    def floats(self) -> int:
        """Floats of one image, padding included, in whole cache lines."""
        return -(-prod(self.physical_shape) // FLOATS_PER_CACHE_LINE) * FLOATS_PER_CACHE_LINE

    def whole(self, arena: Float32Array, n_images: int, block: int) -> Float32Array:
        """Return the first `n_images` of a block of `block`, padding included: (N, H, W, C)."""
        start = self.offset * block
        floats = n_images * prod(self.physical_shape)
        return arena[start : start + floats].reshape(n_images, *self.physical_shape)

    def inside(self, whole: Float32Array) -> Float32Array:
        """Return the view without the padding."""
        (top, _), (left, _) = self.padding
        height, width, _ = self.shape
        return whole[:, top : top + height, left : left + width]

    def bind_clearing(self, whole: Float32Array) -> tuple[Bound, ...]:
        """Bind what writes the zeros: the memory may have been another activation's."""
        if self.padding == NO_PADDING:
            return ()
        return (_layout.ClearPadding(whole, self.padding),)


def place(activations: list[Activation]) -> int:
    """Give every activation its offset; return the floats of the whole arena, per image.

    The largest first, each at the lowest place where it overlaps nobody who lives at the same
    time. For a chain of layers that comes down to two ends of one block, taken in turn.
    """
    placed: list[Activation] = []
    for activation in sorted(activations, key=lambda a: a.floats, reverse=True):
        others = sorted(
            (
                other
                for other in placed
                if other.first_step <= activation.last_step
                and activation.first_step <= other.last_step
            ),
            key=lambda other: other.offset,
        )
        offset = 0
        for other in others:
            if offset + activation.floats <= other.offset:
                break
            offset = max(offset, other.offset + other.floats)
        activation.offset = offset
        placed.append(activation)
    return int(np.max([a.offset + a.floats for a in placed], initial=0))
