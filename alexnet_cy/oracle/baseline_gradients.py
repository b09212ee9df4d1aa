"""The gradients of the layers in float32 as a NumPy user would write them, to compare speed with.

As in `alexnet_cy.oracle.baseline`, convolutions are im2col and products of matrices by NumPy's
BLAS, image by image. All gradients are by what is in front of a ReLU.
"""

from __future__ import annotations

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool
from alexnet_cy.oracle.baseline import window_columns
from alexnet_cy.oracle.gradients import (
    adaptive_avg_pool2d_gradient,
    local_response_norm_gradient,
    max_pool2d_gradient,
)

__all__ = ["baseline_data_gradient", "baseline_update", "baseline_weight_gradients"]


def baseline_weight_gradients(
    layer: Conv | Linear, x: Float32Array, dy: Float32Array
) -> tuple[Float32Array, Float32Array]:
    """Differentiate the loss by a layer's weight and bias.

    Parameters
    ----------
    layer : Conv or Linear
    x : float32 array, shape (N, C, H, W) or (N, F)
        What the layer read.
    dy : float32 array, shape (N, O, P, Q) or (N, O)
        The gradient by what it computed, in front of its ReLU.

    Returns
    -------
    dweight, dbias : float32 array
        In the shapes of the layer's `parameter_shapes`.
    """
    if isinstance(layer, Linear):
        return dy.T @ x.reshape(len(x), -1), dy.sum(axis=0)
    windows = window_columns(x, layer.kernel_size, layer.stride, layer.padding)
    out_channels, groups = dy.shape[1], layer.groups
    gradients = dy.reshape(len(dy), groups, out_channels // groups, -1)
    pixels = gradients.shape[-1]
    group_columns = windows[0, ..., 0, 0].size // groups
    dweight = np.zeros((groups, out_channels // groups, group_columns), np.float32)
    for columns, gradient in zip(windows, gradients, strict=True):
        dweight += gradient @ columns.reshape(groups, -1, pixels).transpose(0, 2, 1)
    shape = out_channels, x.shape[1] // groups, *layer.kernel_size
    return dweight.reshape(shape), dy.sum(axis=(0, 2, 3))


def baseline_data_gradient(
    layer: Layer, x: Float32Array, dy: Float32Array, weight: Float32Array | None = None
) -> Float32Array:
    """Differentiate the loss by what a layer read.

    Parameters
    ----------
    layer : Layer
        Not a softmax: its gradient belongs to the loss.
    x, dy : float32 array
        As of `baseline_weight_gradients`.
    weight : float32 array, optional
        Of a convolution or a fully connected layer.

    Returns
    -------
    float32 array, of the shape of x

    Raises
    ------
    ValueError
        `weight` is missing, or the layer is a softmax.
    """
    if isinstance(layer, MaxPool):
        return max_pool2d_gradient(
            x,
            dy,
            layer.kernel_size,
            stride=layer.stride,
            padding=layer.padding,
            ceil_mode=layer.ceil_mode,
            dtype=np.float32,
        )
    if isinstance(layer, LRN):
        return local_response_norm_gradient(
            x,
            dy,
            layer.size,
            alpha=layer.ops_alpha,
            beta=layer.beta,
            k=layer.k,
            region=layer.region,
            dtype=np.float32,
        )
    if isinstance(layer, AdaptiveAvgPool):
        return adaptive_avg_pool2d_gradient(x, dy, dtype=np.float32)
    if weight is None:
        raise ValueError(f"{layer.name} needs a weight")
    if isinstance(layer, Linear):
        dx: Float32Array = (dy @ weight).reshape(x.shape)
        return dx
    if isinstance(layer, Conv):
        return _conv_data_gradient(layer, x, dy, weight)
    raise ValueError(f"{layer.name}: need a layer whose gradient is not the loss's")


def _conv_data_gradient(
    layer: Conv, x: Float32Array, dy: Float32Array, weight: Float32Array
) -> Float32Array:
    """Add each column of the product of the turned weights and dy to its window: col2im."""
    (top, bottom), (left, right) = layer.padding
    n_images, channels, height, width = x.shape
    padded = np.zeros((n_images, channels, top + height + bottom, left + width + right), np.float32)
    out_channels, groups = dy.shape[1], layer.groups
    down, across = dy.shape[2:]
    turned = weight.reshape(groups, out_channels // groups, -1).transpose(0, 2, 1)
    step_down, step_across = layer.stride
    for image, gradient in zip(padded, dy, strict=True):
        columns = turned @ gradient.reshape(groups, out_channels // groups, -1)
        windows = columns.reshape(channels, *layer.kernel_size, down, across)
        for r in range(layer.kernel_size[0]):
            rows = slice(r, r + (down - 1) * step_down + 1, step_down)
            for s in range(layer.kernel_size[1]):
                place = slice(s, s + (across - 1) * step_across + 1, step_across)
                image[:, rows, place] += windows[:, r, s]
    return padded[:, :, top : top + height, left : left + width]


def baseline_update(
    weight: Float32Array,
    velocity: Float32Array,
    gradient: Float32Array,
    rate: float,
    momentum: float,
    decay: float,
) -> None:
    """Take a step of SGD in place, by PyTorch's formula.

    ``v = momentum * v + (g + decay * w)``; ``w -= rate * v``
    """
    velocity *= np.float32(momentum)
    velocity += gradient + np.float32(decay) * weight
    weight -= np.float32(rate) * velocity
