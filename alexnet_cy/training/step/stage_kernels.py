"""The kernels of a stage, bound to its memory: forward and backward, a pair of binders a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.kernels import _lrn, _pool
from alexnet_cy.kernels._bound import Bound
from alexnet_cy.kernels.training import _lrn_gradients, _pool_gradients
from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Layer, MaxPool
from alexnet_cy.training.step.stages import Stage, Value
from alexnet_cy.training.step.trunk_memory import TrunkMemory

__all__ = ["bind_backward", "bind_forward"]

Bounds = tuple[Bound, ...]


def bind_forward(stage: Stage, memory: TrunkMemory, images: slice, kernels: object) -> Bound:
    """Bind what computes a stage's target from its source, for some of the images held."""
    whole, inside = memory.activation(stage.source, images)
    _, y = memory.activation(stage.target, images)
    layer = stage.layer
    if stage.conv is not None:
        return stage.conv.bind_forward(whole, y)
    if isinstance(layer, LRN):
        return _lrn.LocalResponseNorm(kernels, inside, y, *_settings(layer), layer.within_channel)
    if isinstance(layer, AdaptiveAvgPool):
        return _pool.AdaptiveAvgPool2d(kernels, inside, y)
    assert isinstance(layer, MaxPool)
    winners = memory.winners(stage, images)
    if stage.norm is None:
        return _pool_gradients.MaxPoolWinners(kernels, inside, y, winners, *_window(layer))
    return _lrn_gradients.NormAndPoolWinners(
        kernels, inside, y, winners, _settings(stage.norm), *_window(layer)
    )


def bind_backward(
    stage: Stage, memory: TrunkMemory, images: slice, kernels: object, *, accumulate: bool
) -> tuple[Bounds, Bounds]:
    """Bind what a stage does with the gradient by its target.

    That gradient is the one in front of the target's ReLU already. So it is with the source's.

    Parameters
    ----------
    stage : Stage
    memory : TrunkMemory
    images : slice
        Of those held.
    kernels : capsule
    accumulate : bool
        Whether the gradients by the weights are added to what there is.

    Returns
    -------
    (tuple of Bound, tuple of Bound)
        Those for the gradients by its weights, and those for the gradient by its source.
    """
    n_images = images.stop - images.start
    whole, inside = memory.gradient(stage.target, n_images)
    for_weights: Bounds = ()
    if stage.conv is not None and stage.learns:
        x, _ = memory.activation(stage.source, images)
        for_weights = stage.conv.bind_weight_gradient(x, inside, accumulate=accumulate)
    if not stage.passes_on:
        return for_weights, ()
    _, dx = memory.gradient(stage.source, n_images)
    e = whole if stage.conv is not None else inside
    binder = _BACKWARD[type(stage.layer)]
    return for_weights, binder(stage, memory, images, kernels, e, dx)


def _conv_backward(
    stage: Stage,
    memory: TrunkMemory,
    images: slice,
    kernels: object,
    e: Float32Array,
    dx: Float32Array,
) -> Bounds:
    assert stage.conv is not None
    unmasked = stage.conv.bind_data_gradient(e, dx)
    return (unmasked, *_mask(stage.source, memory, images, kernels, dx))


def _norm_backward(
    stage: Stage,
    memory: TrunkMemory,
    images: slice,
    kernels: object,
    dy: Float32Array,
    dx: Float32Array,
) -> Bounds:
    assert isinstance(stage.layer, LRN)
    _, x = memory.activation(stage.source, images)
    settings, relu = _settings(stage.layer), stage.source.relu
    if stage.layer.within_channel:
        return (_lrn_gradients.NormWithinGradient(kernels, x, dy, dx, *settings, relu),)
    return (_lrn_gradients.NormGradient(kernels, x, dy, dx, *settings, relu),)


def _max_pool_backward(
    stage: Stage,
    memory: TrunkMemory,
    images: slice,
    kernels: object,
    dy: Float32Array,
    dx: Float32Array,
) -> Bounds:
    assert isinstance(stage.layer, MaxPool)
    _, x = memory.activation(stage.source, images)
    winners, window, relu = memory.winners(stage, images), _window(stage.layer), stage.source.relu
    if stage.norm is None:
        mask = x if relu else None
        return (_pool_gradients.MaxPoolGradient(kernels, dy, winners, dx, *window, mask),)
    return (
        _lrn_gradients.NormAndPoolGradient(
            kernels, x, dy, winners, dx, _settings(stage.norm), *window, relu
        ),
    )


def _average_backward(
    stage: Stage,
    memory: TrunkMemory,
    images: slice,
    kernels: object,
    dy: Float32Array,
    dx: Float32Array,
) -> Bounds:
    unmasked = _pool_gradients.AdaptiveAvgPoolGradient(kernels, dy, dx)
    return (unmasked, *_mask(stage.source, memory, images, kernels, dx))


def _mask(
    source: Value, memory: TrunkMemory, images: slice, kernels: object, dx: Float32Array
) -> Bounds:
    """Bind what takes a gradient to the front of the ReLU that wrote the source, in place."""
    if not source.relu:
        return ()
    _, y = memory.activation(source, images)
    return (_pool_gradients.ReluGradient(kernels, y, dx, dx, 1.0),)


def _settings(layer: LRN) -> tuple[int, float, float, float]:
    return layer.size, layer.ops_alpha, layer.beta, layer.k


def _window(layer: MaxPool) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    (top, _), (left, _) = layer.padding
    return layer.kernel_size, layer.stride, (top, left)


_Binder = Callable[[Stage, TrunkMemory, slice, object, Any, Any], Bounds]

_BACKWARD: Mapping[type[Layer], _Binder] = {
    Conv: _conv_backward,
    LRN: _norm_backward,
    MaxPool: _max_pool_backward,
    AdaptiveAvgPool: _average_backward,
}
