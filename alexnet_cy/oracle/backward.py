"""A whole backward pass in plain NumPy: the gradients of a network's loss, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool, Softmax
from alexnet_cy.oracle.definitions import Array, relu
from alexnet_cy.oracle.gradients import (
    adaptive_avg_pool2d_gradient,
    conv2d_gradients,
    cross_entropy,
    dropout,
    linear_gradients,
    local_response_norm_gradient,
    max_pool2d_gradient,
    relu_gradient,
)
from alexnet_cy.oracle.network import reference_layer

__all__ = ["loss_and_gradients"]

Masks = Mapping[str, tuple[NDArray[np.bool_], float]]


def loss_and_gradients(
    variant: Variant,
    weights: Mapping[str, ArrayLike],
    x: ArrayLike,
    labels: ArrayLike,
    *,
    sample_weights: ArrayLike | None = None,
    dropped: Masks | None = None,
    decided: Mapping[str, NDArray[np.integer[Any]]] | None = None,
    dtype: DTypeLike = np.float64,
) -> tuple[float, dict[str, Array]]:
    """Compute the softmax cross-entropy of a batch, and its gradients by everything it depends on.

    Parameters
    ----------
    variant : Variant
        It ends with a fully connected layer without ReLU, and a softmax.
    weights : mapping
        "conv1.weight" to "fc8.bias", as `Variant.parameter_shapes` has them.
    x : array_like, shape (N, 3, H, W)
    labels : array_like of int, shape (N,)
    sample_weights : array_like, shape (N,), optional
        As the weights of `cross_entropy`.
    dropped : mapping, optional
        For a fully connected layer's name, which of its inputs are kept, a boolean array of shape
        (N, inputs), and the fraction p that is dropped on average.
    decided : mapping, optional
        By a layer's name, what its rounded numbers have decided in another pass: 1 where its ReLU
        lets a gradient through and 0 where not, or which pixel of each window has won. A value
        within rounding of another, or of zero, may decide either way, and its gradient jumps.
    dtype : dtype
        Of all arithmetic; float64 is the oracle.

    Returns
    -------
    loss : float
    gradients : dict of str to ndarray
        By the names of `weights`, and by "input"; each of the shape of what it belongs to.
    """
    masks: Masks = {} if dropped is None else dropped
    decisions = {} if decided is None else decided
    values = np.asarray(x, dtype)
    tape: list[tuple[Layer, Array, Array]] = []  # each layer with what it read and what it wrote
    for layer in variant.layers:
        if isinstance(layer, Softmax):
            break
        read = values
        if layer.name in masks:
            read = dropout(read.reshape(len(read), -1), *masks[layer.name], dtype=dtype)
        values = _forward(layer, weights, read, dtype)
        tape.append((layer, read, values))
    loss, gradient = cross_entropy(values, labels, sample_weights, dtype=dtype)
    gradients: dict[str, Array] = {}
    for layer, read, wrote in reversed(tape):
        if isinstance(layer, Conv | Linear) and layer.relu:
            gradient = relu_gradient(decisions.get(layer.name, wrote), gradient, dtype=dtype)
        winners = decisions.get(layer.name)
        gradient, of_parameters = _backward(layer, weights, read, gradient, winners, dtype)
        gradients |= {f"{layer.name}.{kind}": value for kind, value in of_parameters.items()}
        if layer.name in masks:
            gradient = dropout(gradient, *masks[layer.name], dtype=dtype)
    gradients["input"] = gradient
    return loss, gradients


def _forward(layer: Layer, weights: Mapping[str, ArrayLike], x: Array, dtype: DTypeLike) -> Array:
    if not isinstance(layer, Conv | Linear):
        return reference_layer(layer, x, dtype=dtype)
    weight, bias = weights[f"{layer.name}.weight"], weights[f"{layer.name}.bias"]
    y = reference_layer(replace(layer, relu=False), x, weight, bias, dtype=dtype)
    return relu(y, dtype=dtype) if layer.relu else y


def _backward(
    layer: Layer,
    weights: Mapping[str, ArrayLike],
    x: Array,
    dy: Array,
    winners: NDArray[np.integer[Any]] | None,
    dtype: DTypeLike,
) -> tuple[Array, dict[str, Array]]:
    """Return the gradients by a layer's input and by its parameters; its ReLU is behind us."""
    if isinstance(layer, Linear):
        rows = x.reshape(len(x), -1)
        dx, dweight, dbias = linear_gradients(
            rows, weights[f"{layer.name}.weight"], dy, dtype=dtype
        )
        return dx.reshape(x.shape), {"weight": dweight, "bias": dbias}
    dy = dy.reshape(len(x), *layer.output_shape(x.shape[1:]))
    if isinstance(layer, Conv):
        dx, dweight, dbias = conv2d_gradients(
            x,
            weights[f"{layer.name}.weight"],
            dy,
            stride=layer.stride,
            padding=layer.padding,
            groups=layer.groups,
            dtype=dtype,
        )
        return dx, {"weight": dweight, "bias": dbias}
    if isinstance(layer, LRN):
        return (
            local_response_norm_gradient(
                x,
                dy,
                layer.size,
                alpha=layer.ops_alpha,
                beta=layer.beta,
                k=layer.k,
                region=layer.region,
                dtype=dtype,
            ),
            {},
        )
    if isinstance(layer, MaxPool):
        return (
            max_pool2d_gradient(
                x,
                dy,
                layer.kernel_size,
                stride=layer.stride,
                padding=layer.padding,
                ceil_mode=layer.ceil_mode,
                winners=winners,
                dtype=dtype,
            ),
            {},
        )
    assert isinstance(layer, AdaptiveAvgPool)
    return adaptive_avg_pool2d_gradient(x, dy, dtype=dtype), {}
