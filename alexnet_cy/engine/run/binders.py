"""The kernel of a step, bound to the memory that it reads and writes: a binder a kind of layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.engine.packed.packed_weights import PackedWeights
from alexnet_cy.engine.packed.winograd_streaming import Tiling
from alexnet_cy.engine.plan.plan import Step
from alexnet_cy.engine.winograd import block_taps, tile_cuts
from alexnet_cy.kernels import _lrn, _pool, _softmax
from alexnet_cy.kernels._bound import Bound
from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool, Softmax

__all__ = ["Buffer", "bind_step"]


class Buffer(NamedTuple):
    """Two views of an activation, (N, H, W, C) or (N, F); of a vector, the same array twice.

    Attributes
    ----------
    whole : ndarray of float32
        With the padding.
    inside : ndarray of float32
        Without.
    """

    whole: Float32Array
    inside: Float32Array


def bind_step(step: Step, packed: PackedWeights, source: Buffer, target: Buffer) -> Bound:
    """Bind the kernel of a step.

    Parameters
    ----------
    step : Step
    packed : PackedWeights
    source, target : Buffer
        The memory it reads and the memory it writes; the same for a step in place.
    """
    if step.relu_only:  # over the padding as well: max(0, 0) is 0
        x, y = source.whole.reshape(-1), target.whole.reshape(-1)
        return _softmax.Relu(packed.kernels, x, y)
    return _BINDERS[type(step.layer)](step.layer, step, packed, source, target)


def _bind_conv(
    layer: Conv, step: Step, packed: PackedWeights, source: Buffer, target: Buffer
) -> Bound:
    conv, y = packed.conv(layer.name), target.inside
    if step.algorithm == "winograd":
        taps = block_taps(layer.kernel_size, layer.stride)
        rows, columns = (tile_cuts(n, r) for n, r in zip(y.shape[1:3], taps, strict=True))
        return conv.bind_winograd(Tiling(source.whole, y, rows, columns), relu=step.relu)
    copy_columns = step.algorithm == "im2col"
    return conv.bind(source.whole, y, copy_columns=copy_columns, relu=step.relu)


def _bind_norm(layer: LRN, _: Step, packed: PackedWeights, source: Buffer, target: Buffer) -> Bound:
    x, y = source.inside, target.inside
    return _lrn.LocalResponseNorm(packed.kernels, x, y, *_norm_of(layer), layer.within_channel)


def _bind_max_pool(
    layer: MaxPool, step: Step, packed: PackedWeights, source: Buffer, target: Buffer
) -> Bound:
    x, y = source.inside, target.inside
    (top, _), (left, _) = layer.padding
    window = (layer.kernel_size, layer.stride, (top, left))
    if step.norm is None:
        return _pool.MaxPool2d(packed.kernels, x, y, *window)
    return _lrn.NormAndPool(packed.kernels, x, y, _norm_of(step.norm), *window)


def _bind_average(
    _: AdaptiveAvgPool, __: Step, packed: PackedWeights, source: Buffer, target: Buffer
) -> Bound:
    return _pool.AdaptiveAvgPool2d(packed.kernels, source.inside, target.inside)


def _bind_linear(
    layer: Linear, step: Step, packed: PackedWeights, source: Buffer, target: Buffer
) -> Bound:
    return packed.linear(layer.name).bind(source.inside, target.inside, relu=step.relu)


def _bind_softmax(
    _: Softmax, __: Step, packed: PackedWeights, source: Buffer, target: Buffer
) -> Bound:
    x, y = (buffer.inside for buffer in (source, target))  # a row for each pixel of an image
    return _softmax.Softmax(packed.kernels, x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1]))


def _norm_of(layer: LRN) -> tuple[int, float, float, float]:
    return layer.size, layer.ops_alpha, layer.beta, layer.k


# A binder takes the layer of its own kind, which the type of a mapping cannot say.
_BINDERS: Mapping[type[Layer], Callable[[Any, Step, PackedWeights, Buffer, Buffer], Bound]] = {
    Conv: _bind_conv,
    LRN: _bind_norm,
    MaxPool: _bind_max_pool,
    AdaptiveAvgPool: _bind_average,
    Linear: _bind_linear,
    Softmax: _bind_softmax,
}
