"""A convolution, whose weights stay in their file until they are used a second time.

To pack the five of them, and to transform them for Winograd's algorithm, takes 57 MB of new memory,
and the system may need longer to find it than a pass takes. A process that looks at one image never
requests it.
"""

from __future__ import annotations

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.packed.conv_packing import pack_conv
from alexnet_cy.engine.packed.layer_weights import LayerWeights
from alexnet_cy.engine.packed.winograd_packing import pack_winograd, winograd_of
from alexnet_cy.engine.packed.winograd_streaming import Tiling, can_stream, convolve_streamed
from alexnet_cy.kernels._bound import Bound, BoundLate
from alexnet_cy.kernels.convolution import _conv, _winograd
from alexnet_cy.kernels.convolution._conv import PackedConv
from alexnet_cy.kernels.convolution._winograd import PackedWinograd
from alexnet_cy.network import Conv

__all__ = ["ConvLayer"]


class ConvLayer(LayerWeights[PackedConv]):
    """The weights of one convolution; all algorithms start from the packed ones.

    Parameters
    ----------
    layer : Conv
    weight, bias : TensorRef
        Of shapes (O, C / groups, R, S) and (O,).
    kernels : capsule
        The instruction-set level.
    """

    def __init__(self, layer: Conv, weight: TensorRef, bias: TensorRef, kernels: object) -> None:
        super().__init__(weight, bias, kernels)
        self._layer = layer
        self._winograd: PackedWinograd | None = None

    def bind(self, x: Float32Array, y: Float32Array, *, copy_columns: bool, relu: bool) -> Bound:
        """Bind the direct convolution, or im2col.

        Parameters
        ----------
        x : ndarray of float32, shape (N, H, W, C), C-contiguous
            Padding included.
        y : ndarray of float32, shape (N, P, Q, O)
        copy_columns : bool
            Copy the patches together first (im2col).
        relu : bool

        Returns
        -------
        Bound
            Raises WeightsError when it runs, if the weights cannot be read.
        """

        def bind(threads: int) -> _conv.DirectConv2d:
            packed = self.pack(threads)
            return _conv.DirectConv2d(packed, x, y, *self._layer.stride, relu, copy_columns)

        return BoundLate(bind)

    def bind_winograd(self, tiling: Tiling, *, relu: bool) -> Bound:
        """Bind Winograd's algorithm, as `bind` does the others.

        The first call, if it is one of few tiles, uses the weights as it reads them.
        """

        def bind(threads: int) -> _winograd.WinogradConv2d | None:
            if self._winograd is None and can_stream(tiling):
                tensors = self._claim_unread()
                if tensors is not None:
                    weight, bias = tensors
                    convolve_streamed(
                        weight,
                        bias.read(),
                        tiling,
                        stride=self._layer.stride,
                        groups=self._layer.groups,
                        relu=relu,
                        kernels=self._kernels,
                        threads=threads,
                    )
                    return None
            return _winograd.WinogradConv2d(self.pack_winograd(threads), *tiling, relu)

        return BoundLate(bind)

    def pack_winograd(self, threads: int) -> PackedWinograd:
        """Return the weights for Winograd's algorithm; WeightsError if they cannot be read."""
        packed = self.pack(threads)
        winograd = self._winograd
        return self._turns.do(lambda: self._winograd_once(packed)) if winograd is None else winograd

    @property
    def winograd(self) -> PackedWinograd | None:
        """The weights for Winograd's algorithm, if they have been made."""
        return self._winograd

    def adopt_winograd(self, winograd: PackedWinograd) -> None:
        """Take weights that are transformed already."""
        self._winograd = winograd

    def _winograd_once(self, packed: PackedConv) -> PackedWinograd:
        if self._winograd is None:
            stride, groups = self._layer.stride, self._layer.groups
            if stride == (1, 1):
                made = winograd_of(packed)
            else:
                weight, bias = packed.unpack()
                made = pack_winograd(
                    weight, bias, stride=stride, groups=groups, kernels=self._kernels
                )
            if self._winograd is None:  # else something that interrupted this has made them too
                self._winograd = made
        return self._winograd

    @property
    def nbytes(self) -> int:
        """Bytes of what has been packed, and transformed."""
        transformed = self._winograd
        if transformed is None:
            return super().nbytes
        own = transformed.panels is not self._packed  # those of an input cut into blocks
        return super().nbytes + transformed.nbytes + own * transformed.panels.nbytes

    def _pack(self, weight: TensorRef, bias: Float32Array, threads: int) -> PackedConv:
        return pack_conv(weight, bias, self._layer.groups, self._kernels, threads)
