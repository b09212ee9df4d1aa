"""The layers of a Caffe network in the terms of weights.graphs."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.specs import LRN, Conv, Linear, MaxPool, Softmax
from alexnet_cy.weights.caffe.blobs import blob_array, blob_shape, parameter_ref
from alexnet_cy.weights.caffe.layers import clip
from alexnet_cy.weights.graphs.steps import (
    MAX_CHANNELS,
    Affine,
    AveragePool,
    Relu,
    Step,
    Weighted,
    batch_norm,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.network.norm_region import Region
    from alexnet_cy.network.windows import Padding, Pair
    from alexnet_cy.weights.caffe.layers import CaffeLayer
    from alexnet_cy.weights.files import WeightsFile

__all__ = ["as_step", "parameters"]

_WEIGHT_AXES = {"Convolution": 4, "InnerProduct": 2}

# Enumerations of caffe.proto.
_MAX, _AVERAGE = 0, 1
_POOL_METHODS = {_MAX: "MAX", _AVERAGE: "AVE", 2: "STOCHASTIC"}
_CEIL, _FLOOR = 0, 1
_NORM_REGIONS: tuple[Region, ...] = ("across_channels", "within_channel")


def as_step(file: WeightsFile, layer: CaffeLayer) -> Step:
    """Return what a layer computes.

    Parameters
    ----------
    file : WeightsFile
    layer : CaffeLayer

    Raises
    ------
    WeightsError
        The layer is of a type, or has a setting, that is not computed here; or its arrays are not
        sound. The message names layer and setting.
    """
    try:
        if layer.lacks_settings:
            raise ValueError(f"{layer.label} states no settings")
        return _step(file, layer)
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{file.path!r}: {error}") from error


def _step(file: WeightsFile, layer: CaffeLayer) -> Step:
    label, settings = layer.label, layer.settings
    match layer.type:
        case "Convolution":
            weight, bias = parameters(file, layer)
            _expect(layer, "dilation", _both(layer, "dilation", 1), (1, 1))
            channels, _, *kernel = weight.shape
            stride, padding = _stride_and_padding(layer)
            conv = Conv(
                label, channels, (kernel[0], kernel[1]), stride, padding, settings.group, relu=False
            )
            return Weighted(label, conv, weight, bias)
        case "InnerProduct":
            _expect(layer, "axis", settings.axis, 1)
            weight, bias = parameters(file, layer)
            return Weighted(label, Linear(label, weight.shape[0], relu=False), weight, bias)
        case "Pooling":
            return _pooling(layer)
        case "LRN":
            return _norm(label, settings)
        case "ReLU":
            _expect(layer, "negative_slope", settings.negative_slope, 0.0)
            return Relu(label)
        case "BatchNorm":  # sums, and what to divide them by
            mean, variance, (total,) = _vectors(file, layer, 3)
            with np.errstate(over="ignore", invalid="ignore"):  # `build` refuses what comes of it
                factor = 1 / total if total else 0.0
                return batch_norm(label, mean * factor, variance * factor, settings.eps)
        case "Scale":
            _expect(layer, "axis", settings.axis, 1)
            factors, *shifts = _vectors(file, layer, 1, 2)
            return Affine(label, factors, shifts[0] if shifts else np.zeros(1))
        case "Power":  # (shift + scale * x) ** power
            _expect(layer, "power", settings.power, 1)
            return Affine(label, np.array([settings.scale]), np.array([settings.shift]))
        case "Softmax":
            return Softmax(label)
        case other:
            raise ValueError(f"{label} is of type {clip(other)}, which no AlexNet has")


def _norm(label: str, settings: Any) -> Step:
    size, k = settings.local_size, settings.k
    if not 0 <= settings.norm_region < len(_NORM_REGIONS):
        raise ValueError(f"{label}: norm_region is {settings.norm_region}, not ACROSS_CHANNELS")
    region = _NORM_REGIONS[settings.norm_region]
    if size % 2 == 0:
        raise ValueError(f"{label}: local_size is {size}, not odd")
    if region == "within_channel" and k != 1:
        raise ValueError(
            f"{label}: k is {k:g} within channels; Caffe ignores it there, but not through cuDNN, "
            "and the file does not say which it was trained with"
        )
    return LRN(label, size, settings.alpha, settings.beta, k, region=region)


def _pooling(layer: CaffeLayer) -> Step:
    label, settings = layer.label, layer.settings
    kernel = _pair(layer, "kernel_size", "kernel", 0)
    stride, padding = _stride_and_padding(layer)
    ceil_mode = settings.round_mode == _CEIL
    if not ceil_mode and settings.round_mode != _FLOOR:
        raise ValueError(f"{label}: round_mode is {settings.round_mode}, neither CEIL nor FLOOR")
    if settings.pool == _MAX and not settings.global_pooling:
        return MaxPool(label, kernel, stride, padding, ceil_mode)
    if settings.pool != _AVERAGE:
        raise ValueError(f"{label}: pool is {_POOL_METHODS.get(settings.pool, settings.pool)}")
    if settings.global_pooling:
        return AveragePool(label, None)
    if min(*kernel, *stride) < 1:
        raise ValueError(f"{label}: kernel_size is {kernel}")
    return AveragePool(label, kernel, stride, padding)


def parameters(file: WeightsFile, layer: CaffeLayer) -> tuple[TensorRef, TensorRef | None]:
    """Describe the weight of a convolution or an inner product, and its bias if it has one.

    Raises
    ------
    WeightsError
        Its arrays are not these, or contradict their shapes or the settings.
    """
    where = f"{file.path!r}: {layer.label}"
    axes, settings, blobs = _WEIGHT_AXES[layer.type], layer.settings, layer.message.blobs
    if len(blobs) not in (1, 2):
        raise WeightsError(f"{where}: {len(blobs)} arrays; a weight and a bias are needed")
    is_transposed = axes == 2 and settings.transpose
    weight = parameter_ref(file, blobs[0], f"{where}: weight", axes=axes, transposed=is_transposed)
    stated: dict[str, tuple[object, object]] = {}
    if settings.HasField("num_output"):
        stated["num_output"] = settings.num_output, weight.shape[0]
    if axes == 4 and (len(settings.kernel_size) or settings.HasField("kernel_h")):
        stated["kernel_size"] = _pair(layer, "kernel_size", "kernel", 0), weight.shape[2:]
    for name, (value, needed) in stated.items():
        if value != needed:
            raise WeightsError(
                f"{where}: {name} is {value}, but its weight has shape {weight.shape}"
            )
    bias = parameter_ref(file, blobs[1], f"{where}: bias", axes=1) if len(blobs) == 2 else None
    if bias is not None and bias.shape != weight.shape[:1]:
        raise WeightsError(f"{where}: {bias.shape[0]} biases for {weight.shape[0]} outputs")
    return weight, bias


def _vectors(file: WeightsFile, layer: CaffeLayer, *counts: int) -> list[NDArray[np.float64]]:
    """Read the arrays of a layer that have a number for each channel."""
    where = f"{file.path!r}: {layer.label}"
    blobs = layer.message.blobs
    if len(blobs) not in counts:
        needed = " or ".join(map(str, counts))
        raise WeightsError(f"{where}: {len(blobs)} arrays; {needed} are needed")
    vectors = []
    for blob in blobs:
        shape = blob_shape(blob, where)
        if max(shape) > MAX_CHANNELS or prod(shape) != max(shape):
            raise WeightsError(f"{where}: shape {shape}; one number for a channel is needed")
        vectors.append(blob_array(file, blob, where).reshape(-1).astype(np.float64))
    return vectors


def _stride_and_padding(layer: CaffeLayer) -> tuple[Pair, Padding]:
    down, across = _pair(layer, "pad", "pad", 0)
    return _pair(layer, "stride", "stride", 1), ((down, down), (across, across))


def _pair(layer: CaffeLayer, both: str, each: str, default: int) -> Pair:
    """Return a setting that is one number, two, or two fields for height and width."""
    settings = layer.settings
    sides = [f"{each}_h", f"{each}_w"]
    if not any(settings.HasField(side) for side in sides):
        return _both(layer, both, default)
    down, across = (
        getattr(settings, side) if settings.HasField(side) else default for side in sides
    )
    return down, across


def _both(layer: CaffeLayer, name: str, default: int) -> Pair:
    """Return one value for both axes of an image, or one for each."""
    values = tuple(getattr(layer.settings, name)) or (default,)
    if len(values) > 2:
        raise ValueError(f"{layer.label}: {name} has more than two values; an image has two axes")
    return values[0], values[-1]


def _expect(layer: CaffeLayer, name: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise ValueError(f"{layer.label}: {name} is {found}, not {wanted}")
