"""How parameters lie in packed memory, and in the arrays that users see."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.engine.arrays import aligned_zeros
from alexnet_cy.engine.packed.conv_packing import pack_array
from alexnet_cy.engine.packed.winograd_packing import blocked_weight
from alexnet_cy.kernels._linear import PackedLinear
from alexnet_cy.kernels.convolution._conv import PackedConv
from alexnet_cy.network.windows import Pair

__all__ = ["BiasLayout", "ConvLayout", "Layout", "LinearLayout"]


class Layout(ABC):
    """Between packed memory, flat, and the public shape of a parameter."""

    @abstractmethod
    def public(self, flat: Float32Array) -> Float32Array:
        """Return a fresh array in the public layout."""

    @abstractmethod
    def pack(self, array: Float32Array, flat: Float32Array) -> None:
        """Write an array in the public layout into packed memory."""


class ConvLayout(Layout):
    """Panels of out channels, perhaps of weights cut into blocks of the stride's size.

    Parameters
    ----------
    panels : PackedConv
        Of the layout; its numbers are not looked at.
    shape : (O, C / groups, R, S)
    block : (height, width)
        (1, 1) for none.
    """

    def __init__(self, panels: PackedConv, shape: tuple[int, ...], block: Pair) -> None:
        self._panels = panels
        self._shape = shape
        self._block = block

    def public(self, flat: Float32Array) -> Float32Array:
        """Unpack, and put the blocks side by side again."""
        like = self._panels
        copy = PackedConv(
            like.out_channels,
            like.group_channels,
            like.kernel_h,
            like.kernel_w,
            None,
            like.groups,
            like.capsule,
        )
        memory_of(copy.weight_memory)[:] = flat
        weight, _ = copy.unpack()
        if self._block == (1, 1):
            return weight
        (down, across), (out_channels, channels, kernel_h, kernel_w) = self._block, self._shape
        blocks = weight.reshape(out_channels, down, across, channels, like.kernel_h, like.kernel_w)
        whole = blocks.transpose(0, 3, 4, 1, 5, 2)
        rows, columns = like.kernel_h * down, like.kernel_w * across
        pixels = whole.reshape(out_channels, channels, rows, columns)
        return np.ascontiguousarray(pixels[:, :, :kernel_h, :kernel_w])

    def pack(self, array: Float32Array, flat: Float32Array) -> None:
        """Cut into blocks, and pack."""
        like = self._panels
        packed = pack_array(blocked_weight(array, self._block), None, like.groups, like.capsule)
        flat[:] = memory_of(packed.weight_memory)


class LinearLayout(Layout):
    """A row of all outputs for every input, rows farther apart than they are long."""

    def __init__(self, packed: PackedLinear) -> None:
        self._shape = packed.in_features, packed.row_stride
        self._out_features = packed.out_features

    def public(self, flat: Float32Array) -> Float32Array:
        """Transpose."""
        return np.ascontiguousarray(self._rows(flat).T)

    def pack(self, array: Float32Array, flat: Float32Array) -> None:
        """Transpose."""
        self._rows(flat)[:] = array.T

    def _rows(self, flat: Float32Array) -> Float32Array:
        return flat[: prod(self._shape)].reshape(self._shape)[:, : self._out_features]


class BiasLayout(Layout):
    """Groups of biases, each followed by zeros up to a whole vector."""

    def __init__(self, out_features: int, groups: int) -> None:
        self._out_features = out_features
        self._groups = groups

    def public(self, flat: Float32Array) -> Float32Array:
        """Leave out the zeros."""
        return np.array(self._inside(flat).reshape(-1))

    def pack(self, array: Float32Array, flat: Float32Array) -> None:
        """Keep the zeros."""
        self._inside(flat)[:] = array.reshape(self._groups, -1)

    def _inside(self, flat: Float32Array) -> Float32Array:
        return flat.reshape(self._groups, -1)[:, : self._out_features // self._groups]


def memory_of(memory: object) -> Float32Array:
    """Return packed memory as one flat array, which may be written."""
    flat: Float32Array = np.frombuffer(memory, np.float32)  # type: ignore[call-overload]
    return flat


def zeros_like(flat: Float32Array) -> Float32Array:
    """Return zeros of the same length, aligned as kernels want them."""
    return aligned_zeros((flat.size,))
