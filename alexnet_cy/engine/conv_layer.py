"""A convolution, whose weights are read and packed when it first runs."""

from __future__ import annotations

from threading import Lock

import numpy as np

from alexnet_cy._conv import PackedConv
from alexnet_cy._winograd import PackedWinograd
from alexnet_cy.engine.arrays import Float32Array
from alexnet_cy.engine.conv_packing import pack_conv
from alexnet_cy.engine.winograd import pack_winograd, winograd_of
from alexnet_cy.network import Conv
from alexnet_cy.weights.tensors import TensorRef

__all__ = ["ConvLayer"]


class ConvLayer:
    """The weights of one convolution: in the file, then packed, for one algorithm or several.

    The packed weights, of which direct convolution, im2col and Winograd's algorithm all start, take
    the place of the tensors. Several threads may use the layer at once.

    Parameters
    ----------
    layer : Conv
    weight, bias : TensorRef
        Of shapes (O, C / groups, R, S) and (O,); read when they are needed.
    kernels : capsule
        The instruction-set level.
    """

    def __init__(self, layer: Conv, weight: TensorRef, bias: TensorRef, kernels: object) -> None:
        self._layer = layer
        self._tensors: tuple[TensorRef, TensorRef] | None = (weight, bias)
        self._kernels = kernels
        self._packed: PackedConv | None = None
        self._winograd: PackedWinograd | None = None
        self._lock = Lock()
        self.stored_bytes = weight.stored_bytes

    def pack(self) -> PackedConv:
        """Return the packed weights; WeightsError if they cannot be read."""
        with self._lock:
            return self._pack()

    def winograd(self) -> PackedWinograd:
        """Return what Winograd's algorithm takes; WeightsError if the weights cannot be read."""
        with self._lock:
            if self._winograd is None:
                packed, stride, groups = self._pack(), self._layer.stride, self._layer.groups
                if stride == (1, 1):
                    self._winograd = winograd_of(packed)
                else:
                    self._winograd = pack_winograd(
                        *packed.unpack(), stride=stride, groups=groups, kernels=self._kernels
                    )
            return self._winograd

    def tensor(self, kind: str) -> Float32Array:
        """Return a fresh copy of "weight", (O, C / groups, R, S), or "bias", (O,)."""
        with self._lock:
            tensors, packed = self._tensors, self._packed
        place = ("weight", "bias").index(kind)
        if tensors is not None:
            return np.array(tensors[place].read(), np.float32)
        assert packed is not None
        return packed.unpack()[place]

    @property
    def nbytes(self) -> int:
        """Bytes of what has been packed, and transformed."""
        packed: list[PackedConv | PackedWinograd | None] = [self._packed, self._winograd]
        if self._winograd is not None and self._winograd.panels is not self._packed:
            packed.append(self._winograd.panels)  # those of an input cut into blocks
        return sum(one.nbytes for one in packed if one is not None)

    def _pack(self) -> PackedConv:
        """Return the packed weights; the caller holds the lock."""
        if self._packed is None:
            assert self._tensors is not None
            weight, bias = self._tensors
            self._packed = pack_conv(weight, bias.read(), self._layer.groups, self._kernels)
            self._tensors = None
        return self._packed
