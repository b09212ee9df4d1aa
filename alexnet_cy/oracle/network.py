"""The whole network in plain NumPy: what every other way to compute it is compared with.

The layers' definitions are those of `oracle.definitions`, in float64 or any other type; the float32
layers that speed is compared with are those of `oracle.baseline`. This module has both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.names import PRE_SUFFIX, is_flat_name, layer_of_feature, resolve_layer
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool, Shape
from alexnet_cy.network.variants import get_variant
from alexnet_cy.oracle.baseline import baseline_layer, conv2d_im2col, conv2d_loops
from alexnet_cy.oracle.definitions import (
    Array,
    adaptive_avg_pool2d,
    conv2d,
    linear,
    local_response_norm,
    max_pool2d,
    relu,
    softmax,
)

__all__ = [
    "adaptive_avg_pool2d",
    "baseline_layer",
    "conv2d",
    "conv2d_im2col",
    "conv2d_loops",
    "forward",
    "linear",
    "local_response_norm",
    "max_pool2d",
    "reference_layer",
    "relu",
    "softmax",
]


def reference_layer(
    layer: Layer,
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    *,
    dtype: DTypeLike = np.float64,
) -> Array:
    """Compute one layer of a network, its ReLU included.

    Parameters
    ----------
    layer : Layer
        The spec.
    x : array_like, shape (N, C, H, W) or (N, F)
        The layer's input; a fully connected layer reads an image in the order channel, row, column.
    weight, bias : array_like, optional
        Of a convolution or fully connected layer, in the shapes of its spec's `parameter_shapes`.
    dtype : dtype
        Of the arithmetic and the result.

    Returns
    -------
    ndarray, shape (N, ...)

    Raises
    ------
    ValueError
        If the shapes do not go together, or `weight` is missing.
    """
    values = np.asarray(x, dtype)
    if isinstance(layer, Conv | Linear):
        if weight is None:
            raise ValueError(f"{layer.name} needs a weight")
        if isinstance(layer, Linear):
            rows = values.reshape(len(values), int(np.prod(values.shape[1:])))
            return linear(rows, weight, bias, relu=layer.relu, dtype=dtype)
        return conv2d(
            values,
            weight,
            bias,
            stride=layer.stride,
            padding=layer.padding,
            groups=layer.groups,
            relu=layer.relu,
            dtype=dtype,
        )
    if isinstance(layer, LRN):
        return local_response_norm(
            values,
            layer.size,
            alpha=layer.ops_alpha,
            beta=layer.beta,
            k=layer.k,
            region=layer.region,
            dtype=dtype,
        )
    if isinstance(layer, MaxPool):
        return max_pool2d(
            values,
            layer.kernel_size,
            stride=layer.stride,
            padding=layer.padding,
            ceil_mode=layer.ceil_mode,
            dtype=dtype,
        )
    if isinstance(layer, AdaptiveAvgPool):
        return adaptive_avg_pool2d(values, layer.output_size, dtype=dtype)
    return softmax(values, dtype=dtype)


@overload
def forward(
    variant: Variant | str,
    weights: Mapping[str, ArrayLike],
    x: ArrayLike,
    layers: None = None,
    dtype: DTypeLike = np.float64,
) -> Array: ...


@overload
def forward(
    variant: Variant | str,
    weights: Mapping[str, ArrayLike],
    x: ArrayLike,
    layers: Sequence[str],
    dtype: DTypeLike = np.float64,
) -> dict[str, Array]: ...


def forward(
    variant: Variant | str,
    weights: Mapping[str, ArrayLike],
    x: ArrayLike,
    layers: Sequence[str] | None = None,
    dtype: DTypeLike = np.float64,
) -> Array | dict[str, Array]:
    """Run a network.

    Parameters
    ----------
    variant : Variant or str
        The network, or its name.
    weights : mapping
        "conv1.weight" to "fc8.bias", in the shapes of `variant.parameter_shapes()`. Those behind
        the last layer asked for are not looked at.
    x : array_like, shape (N, C, H, W)
        Preprocessed images, their channels in `variant.channel_order`.
    layers : sequence of str, optional
        Names that `resolve_layer` knows, such as "conv5", "fc7_pre" or "features.11".
    dtype : dtype
        Of the arithmetic and the results; float64 is the oracle.

    Returns
    -------
    ndarray, shape (N, classes), or dict
        Probabilities; if `layers` is given, for each name, the value of that layer, of
        shape (N, C, H, W) or (N, F).

    Raises
    ------
    TypeError
        If `layers` is one string.
    ValueError
        If there is no such variant or layer, the images do not fit the variant, or a weight is
        missing or has the wrong shape.
    """
    network = get_variant(variant)
    if isinstance(layers, str):
        raise TypeError(f"layers must be a list of names, got the string {layers!r}")
    last = network.layers[-1].name
    asked = [last] if layers is None else layers
    canonical = {name: resolve_layer(network, name) for name in asked}
    features = _features(network, weights, np.asarray(x, dtype), set(canonical.values()))
    values = {
        name: features[feature].reshape(len(features[feature]), -1)
        if is_flat_name(name)
        else features[feature]
        for name, feature in canonical.items()
    }
    return values[last] if layers is None else values


def _features(
    variant: Variant, weights: Mapping[str, ArrayLike], values: Array, wanted: set[str]
) -> dict[str, Array]:
    """Compute the values with these canonical names, and no layer behind the last of them."""
    if values.ndim != 4 or values.shape[1] != variant.in_channels:
        raise ValueError(
            f"x must have shape (N, {variant.in_channels}, height, width), got {values.shape}"
        )
    unfinished = {layer_of_feature(feature) for feature in wanted}
    if not unfinished:
        return {}
    last = [layer.name for layer in variant.layers if layer.name in unfinished][-1]
    height, width = values.shape[2:]
    features: dict[str, Array] = {}
    for step in variant.shapes(height, width, last):
        layer = step.layer
        parameters = {
            kind: _parameter(weights, f"{layer.name}.{kind}", shape)
            for kind, shape in layer.parameter_shapes(step.input_shape).items()
        }
        if isinstance(layer, Conv | Linear) and layer.relu:
            linear_part = replace(layer, relu=False)
            before = reference_layer(linear_part, values, **parameters, dtype=values.dtype)
            features[layer.name + PRE_SUFFIX] = before
            values = relu(before, dtype=values.dtype)
        else:
            values = reference_layer(layer, values, **parameters, dtype=values.dtype)
        features[layer.name] = values
        features = {name: feature for name, feature in features.items() if name in wanted}
    return features


def _parameter(weights: Mapping[str, ArrayLike], key: str, shape: Shape) -> ArrayLike:
    """Take a weight or bias out of the mapping, and make sure of its shape."""
    if key not in weights:
        raise ValueError(f"weights has no {key!r}")
    parameter = np.asarray(weights[key])
    if parameter.shape != shape:
        raise ValueError(f"{key} must have shape {shape}, got {parameter.shape}")
    return parameter
