"""A convolution, whose weights stay in their file until they are used a second time.

To pack the five of them, and to transform them for Winograd's algorithm, takes 57 MB of new memory,
and the system may need longer to find it than a pass takes. A process that looks at one image never
asks for it.
"""

from __future__ import annotations

from threading import Lock

import numpy as np

from alexnet_cy import _conv, _winograd
from alexnet_cy._conv import PackedConv
from alexnet_cy._winograd import PackedWinograd
from alexnet_cy.engine.arrays import Float32Array
from alexnet_cy.engine.conv_packing import pack_conv
from alexnet_cy.engine.winograd_packing import pack_winograd, winograd_of
from alexnet_cy.engine.winograd_passing import Tiling, can_pass, convolve_in_passing
from alexnet_cy.network import Conv
from alexnet_cy.weights.tensors import TensorRef

__all__ = ["ConvLayer"]


class ConvLayer:
    """The weights of one convolution: in the file, and packed as soon as that pays.

    The packed weights, from which all algorithms start, take the place of the tensors. Several
    threads may use the layer at once. The bits of the results do not depend on where the weights
    are.

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
        self._used = False
        self._lock = Lock()

    def run(
        self, x: Float32Array, y: Float32Array, copy_columns: bool, relu: bool, threads: int
    ) -> None:
        """Convolve directly, or by im2col.

        Parameters
        ----------
        x : ndarray of float32, shape (N, H, W, C), C-contiguous
            Padding included.
        y : ndarray of float32, shape (N, P, Q, O)
        copy_columns : bool
            Copy the patches together first (im2col).
        relu : bool
        threads : int

        Raises
        ------
        WeightsError
            The weights cannot be read.
        """
        packed = self.pack(threads)
        _conv.conv2d(packed, x, y, *self._layer.stride, relu, copy_columns, threads)

    def run_winograd(self, tiling: Tiling, relu: bool, threads: int) -> None:
        """Convolve by Winograd's algorithm; parameters and errors as those of `run`."""
        winograd = self._winograd
        if winograd is None:
            tensors = self._tensors_in_passing(tiling)
            if tensors is not None:
                weight, bias = tensors[0], tensors[1].read()
                convolve_in_passing(
                    weight,
                    bias,
                    tiling,
                    stride=self._layer.stride,
                    groups=self._layer.groups,
                    relu=relu,
                    kernels=self._kernels,
                    threads=threads,
                )
                return
            winograd = self.pack_winograd(threads)
        _winograd.conv2d(winograd, *tiling, relu, threads)

    def pack(self, threads: int) -> PackedConv:
        """Return the packed weights, which take the place of the tensors.

        Raises
        ------
        WeightsError
            The weights cannot be read.
        """
        with self._lock:
            if self._packed is None:
                assert self._tensors is not None
                weight, bias = self._tensors
                groups = self._layer.groups
                self._packed = pack_conv(weight, bias.read(), groups, self._kernels, threads)
                self._tensors = None
            return self._packed

    def pack_winograd(self, threads: int) -> PackedWinograd:
        """Return the weights for Winograd's algorithm; WeightsError if they cannot be read."""
        packed = self.pack(threads)
        with self._lock:
            if self._winograd is None:
                stride, groups = self._layer.stride, self._layer.groups
                if stride == (1, 1):
                    self._winograd = winograd_of(packed)
                else:
                    weight, bias = packed.unpack()
                    self._winograd = pack_winograd(
                        weight, bias, stride=stride, groups=groups, kernels=self._kernels
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

    def _tensors_in_passing(self, tiling: Tiling) -> tuple[TensorRef, TensorRef] | None:
        """Return the tensors for the first call, if it is one of few tiles."""
        with self._lock:
            if self._used or self._tensors is None or not can_pass(tiling):
                return None
            self._used = True
            return self._tensors
