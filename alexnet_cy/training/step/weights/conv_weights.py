"""The weights of a convolution that learns, and all that is made of them anew at each step."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.arrays import aligned_zeros
from alexnet_cy.engine.choice.conv_algorithms import ConvProblem, able_algorithms
from alexnet_cy.engine.packed.conv_packing import pack_array
from alexnet_cy.engine.packed.winograd_packing import blocked_weight, winograd_of, winograd_shape
from alexnet_cy.engine.winograd import tile_cuts
from alexnet_cy.kernels._bound import Bound, run_all
from alexnet_cy.kernels.convolution import _conv, _winograd
from alexnet_cy.kernels.training import _conv_gradients, _winograd_gradients
from alexnet_cy.network import Conv
from alexnet_cy.network.windows import Pair
from alexnet_cy.training.step.weights.layouts import BiasLayout, ConvLayout, memory_of
from alexnet_cy.training.step.weights.parameter import Parameter

__all__ = ["ConvWeights"]


class ConvWeights:
    """The weights of one convolution; the packed panels are the only copy that is learnt.

    The first convolution of a network reads images cut into blocks of its stride's size, where it
    has a stride of 1: `engine.packed.winograd_packing.blocked_weight`.

    Parameters
    ----------
    layer : Conv
    weight, bias : TensorRef
        Of shapes (O, C / groups, R, S) and (O,).
    kernels : capsule
        The instruction-set level.
    reads_images : bool
        Whether it is the first layer.
    exact : bool
        Leave out Winograd.
    """

    def __init__(
        self,
        layer: Conv,
        weight: TensorRef,
        bias: TensorRef,
        kernels: object,
        *,
        reads_images: bool,
        exact: bool,
    ) -> None:
        self.layer = layer
        blocked = reads_images and layer.groups == 1 and layer.stride != (1, 1)
        self.block: Pair = layer.stride if blocked else (1, 1)
        self.stride: Pair = (1, 1) if blocked else layer.stride
        self._kernels = kernels
        filters = blocked_weight(weight.read(), self.block)
        out_channels, group_channels, *taps = filters.shape
        self.kernel_size: Pair = (taps[0], taps[1])
        self.panels = pack_array(filters, bias.read(), layer.groups, kernels)
        self.weight = Parameter(
            f"{layer.name}.weight",
            weight.shape,
            memory_of(self.panels.weight_memory),
            ConvLayout(self.panels, weight.shape, self.block),
            kernels,
        )
        self.bias = Parameter(
            f"{layer.name}.bias",
            bias.shape,
            memory_of(self.panels.bias_memory),
            BiasLayout(out_channels, layer.groups),
            kernels,
        )
        self._exact = exact
        forward = self._problem(group_channels * layer.groups, out_channels, self.stride)
        backward = self._problem(out_channels, group_channels * layer.groups, (1, 1))
        self._in_winograd = self._takes_winograd(forward)
        self._back_in_winograd = self._takes_winograd(backward)
        # The weights of the backward pass: turned by half a circle, in and out exchanged.
        self._turned: _conv.PackedConv | None = None
        self._turned_transformed: _winograd.PackedWinograd | None = None
        self._refreshing: tuple[Bound, ...] = ()
        if self._in_winograd:
            self._transformed = winograd_of(self.panels)
            self._shape = winograd_shape(
                filters.shape, stride=(1, 1), groups=layer.groups, kernels=kernels
            )
            self._refreshing = (_winograd.TransformWeights(self._transformed),)
        self._stale = True

    def prepare_data_gradient(self) -> None:
        """Have `refresh` make what `bind_data_gradient` needs from now on."""
        if self._turned is not None:
            return
        like = self.panels
        in_channels, group_out = like.group_channels * like.groups, like.out_channels // like.groups
        turned = _conv.PackedConv(
            in_channels, group_out, *self.kernel_size, None, like.groups, self._kernels
        )
        self._turned = turned
        self._refreshing += (_conv_gradients.RotateWeights(like, turned),)
        if self._back_in_winograd:
            self._turned_transformed = winograd_of(turned)
            self._refreshing += (_winograd.TransformWeights(self._turned_transformed),)
        self._stale = True

    @cached_property
    def _transformed_gradient(self) -> Float32Array:
        """The gradient by the transformed weights, dU, which is added up over the images."""
        return aligned_zeros((_winograd_gradients.transformed_floats(self._shape),))

    def changed(self) -> None:
        """Say that the weights have changed."""
        self._stale = True

    def refresh(self, threads: int) -> None:
        """Make anew what the kernels read besides the panels, if the weights have changed."""
        if self._stale:
            run_all(self._refreshing, threads)
            self._stale = False

    def bind_forward(self, x: Float32Array, y: Float32Array) -> Bound:
        """Bind y = relu(convolution of x + bias)."""
        relu = self.layer.relu
        if self._in_winograd:
            return _winograd.WinogradConv2d(self._transformed, x, y, *self._cuts(y), relu)
        return _conv.DirectConv2d(self.panels, x, y, *self.stride, relu, False)

    def bind_data_gradient(self, e: Float32Array, dx: Float32Array) -> Bound:
        """Bind dx of e, the gradient in front of the ReLU, with the zeros about it that it needs.

        Where the convolution has a stride, there are zeros between the pixels of e too.
        """
        assert self._turned is not None, "prepare_data_gradient first"
        if self._turned_transformed is not None:
            cuts = self._cuts(dx)
            return _winograd.WinogradConv2d(self._turned_transformed, e, dx, *cuts, False)
        return _conv.DirectConv2d(self._turned, e, dx, 1, 1, False, False)

    def bind_weight_gradient(
        self, x: Float32Array, e: Float32Array, *, accumulate: bool
    ) -> tuple[Bound, ...]:
        """Bind what adds the gradients by weight and bias; see `finish` for the weight's."""
        groups = self.layer.groups
        of_bias = _conv_gradients.ChannelSums(
            self._kernels, e, self.bias.gradient, groups, accumulate
        )
        if self._in_winograd:
            du = self._transformed_gradient
            of_weight: Bound = _winograd_gradients.WinogradWeightGradient(
                self._shape, x, e, du, *self._cuts(e), accumulate
            )
        else:
            of_weight = _conv_gradients.ConvWeightGradient(
                self.panels, x, e, self.weight.gradient, *self.stride, accumulate
            )
        return of_weight, of_bias

    def finish(self, threads: int) -> None:
        """Make the weight's gradient of what the images have left."""
        if self._in_winograd:
            self._finishing.run(threads)
        if self.block != (1, 1):
            _conv_gradients.clear_beyond(
                self.panels, self.weight.gradient, self.block, self.layer.kernel_size
            )

    @cached_property
    def _finishing(self) -> Bound:
        return _winograd_gradients.WinogradKernelGradient(
            self._shape, self._transformed_gradient, self.weight.gradient
        )

    def _problem(self, in_channels: int, out_channels: int, stride: Pair) -> ConvProblem:
        # Whether Winograd's algorithm can compute it depends on neither size nor place.
        return ConvProblem(
            in_channels, out_channels, self.kernel_size, stride, self.layer.groups, (1, 1), False
        )

    def _takes_winograd(self, problem: ConvProblem) -> bool:
        return "winograd" in able_algorithms(problem, exact=self._exact)

    def _cuts(self, y: Float32Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        (_, height, width, _), (down, across) = y.shape, self.kernel_size
        return tile_cuts(height, down), tile_cuts(width, across)
