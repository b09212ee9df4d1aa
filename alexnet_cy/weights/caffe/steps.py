"""The layers of a Caffe network in the terms of weights.graphs.

A layer that states no setting has Caffe's defaults, and these differ from AlexNet's: stride 1, no
padding, one group, LRN's alpha 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.norm_region import Region
from alexnet_cy.network.specs import LRN, Conv, Linear, MaxPool
from alexnet_cy.weights.caffe.blobs import blob_array, blob_shape, parameter_ref
from alexnet_cy.weights.caffe.layers import clip
from alexnet_cy.weights.caffe.settings import file_settings
from alexnet_cy.weights.graphs.steps import (
    Affine,
    AveragePool,
    Plain,
    Relu,
    SoftmaxStep,
    Step,
    Weighted,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.weights.caffe.layers import CaffeLayer
    from alexnet_cy.weights.files import WeightsFile

__all__ = ["PARAMETER_AXES", "as_step", "parameters"]

MAX_CHANNELS = 100_000

PARAMETER_AXES = {"Convolution": 4, "InnerProduct": 2}
"""The axes of the weight of each type of layer that has one."""

# caffe.proto, LRNParameter; a layer may leave all of them out.
_NORM_DEFAULTS: Mapping[str, Any] = {
    "local_size": 5,
    "alpha": 1.0,
    "beta": 0.75,
    "k": 1.0,
    "norm_region": "ACROSS_CHANNELS",
}


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
        return _step(file, layer)
    except (ValueError, TypeError) as error:
        raise WeightsError(f"{file.path!r}: {error}") from error


def _step(file: WeightsFile, layer: CaffeLayer) -> Step:
    settings: dict[str, Any] = file_settings(layer, file.path)
    match layer.type:
        case "Convolution":
            weight, bias = parameters(file, layer)
            _expect(file, layer, settings, "dilation", (1, 1))
            (down, across), shape = settings["pad"], weight.shape
            spec = Conv(
                layer.label,
                shape[0],
                (shape[2], shape[3]),
                settings["stride"],
                ((down, down), (across, across)),
                settings["group"],
                relu=False,
            )
            return Weighted(layer.label, spec, weight, bias)
        case "InnerProduct":
            _expect(file, layer, settings, "axis", 1)
            weight, bias = parameters(file, layer)
            linear = Linear(layer.label, weight.shape[0], relu=False)
            return Weighted(layer.label, linear, weight, bias)
        case "Pooling":
            return _pooling(file, layer, settings)
        case "LRN":
            return _norm(file, layer, settings or _NORM_DEFAULTS)
        case "ReLU":
            _expect(file, layer, settings, "negative_slope", 0.0)
            return Relu(layer.label)
        case "BatchNorm":
            return _batch_norm(file, layer)
        case "Scale":
            return _scale(file, layer)
        case "Power":
            return _power(file, layer)
        case "Softmax":
            return SoftmaxStep(layer.label)
        case other:
            raise WeightsError(
                f"{file.path!r}: {layer.label} is of type {clip(other)}, which no AlexNet has"
            )


def _norm(file: WeightsFile, layer: CaffeLayer, settings: Mapping[str, Any]) -> Step:
    size = settings["local_size"]
    region: Region = "across_channels"
    if settings["norm_region"] == "WITHIN_CHANNEL":
        region = "within_channel"
    else:
        _expect(file, layer, settings, "norm_region", "ACROSS_CHANNELS")
    if size % 2 == 0:
        raise WeightsError(f"{file.path!r}: {layer.label}: local_size is {size}, not odd")
    if region == "within_channel" and settings["k"] != 1:
        raise WeightsError(
            f"{file.path!r}: {layer.label}: k is {settings['k']:g} within channels; Caffe ignores "
            "it there, but not through cuDNN, and the file does not say which it was trained with"
        )
    numbers = {name: settings[name] for name in ("alpha", "beta", "k")}
    return Plain(layer.label, LRN(layer.label, size, **numbers, region=region))


def _pooling(file: WeightsFile, layer: CaffeLayer, settings: dict[str, Any]) -> Step:
    kernel, stride = settings["kernel_size"], settings["stride"]
    down, across = settings["pad"]
    padding = (down, down), (across, across)
    ceil_mode = settings["round_mode"] == "CEIL"
    if settings["pool"] == "MAX" and not settings["global_pooling"]:
        return Plain(layer.label, MaxPool(layer.label, kernel, stride, padding, ceil_mode))
    if settings["pool"] != "AVE":
        raise WeightsError(f"{file.path!r}: {layer.label}: pool is {settings['pool']}")
    if settings["global_pooling"]:
        return AveragePool(layer.label, None)
    if min(kernel) < 1 or min(stride) < 1:
        raise WeightsError(f"{file.path!r}: {layer.label}: kernel_size is {kernel}")
    return AveragePool(layer.label, kernel, stride, padding, ceil_mode)


def parameters(file: WeightsFile, layer: CaffeLayer) -> tuple[TensorRef, TensorRef | None]:
    """Describe the weight of a convolution or an inner product, and its bias if it has one.

    Raises
    ------
    WeightsError
        Its arrays are not these, or contradict their shapes or the settings.
    """
    where = f"{file.path!r}: {layer.label}"
    axes, settings = PARAMETER_AXES[layer.type], file_settings(layer, file.path)
    blobs = layer.message.blobs
    if len(blobs) not in (1, 2):
        raise WeightsError(f"{where}: {len(blobs)} arrays; a weight and a bias are needed")
    stated = layer.settings("inner_product_param")
    weight = parameter_ref(
        file,
        blobs[0],
        f"{where}: weight",
        axes=axes,
        transposed=axes == 2 and stated is not None and stated.transpose,
    )
    shown: dict[str, Any] = {"num_output": weight.shape[0], "kernel_size": weight.shape[2:]}
    for name, value in shown.items():
        if name in settings and settings[name] != value:
            raise WeightsError(
                f"{where}: {name} is {settings[name]}, but its weight has shape {weight.shape}"
            )
    bias = parameter_ref(file, blobs[1], f"{where}: bias", axes=1) if len(blobs) == 2 else None
    if bias is not None and bias.shape != weight.shape[:1]:
        raise WeightsError(f"{where}: {bias.shape[0]} biases for {weight.shape[0]} outputs")
    return weight, bias


def _batch_norm(file: WeightsFile, layer: CaffeLayer) -> Affine:
    """Y = (x - m / f) / sqrt(v / f + eps): Caffe keeps sums, and what to divide them by."""
    mean, variance, total = _vectors(file, layer, 3)
    settings = layer.settings("batch_norm_param")
    epsilon = settings.eps if settings is not None and settings.HasField("eps") else 1e-5
    factor = 1 / total[0] if total[0] else 0.0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factors = 1 / np.sqrt(variance * factor + epsilon)
        return _finite(file, Affine(layer.label, factors, -mean * factor * factors))


def _scale(file: WeightsFile, layer: CaffeLayer) -> Affine:
    settings = layer.settings("scale_param")
    if settings is not None and settings.HasField("axis") and settings.axis != 1:
        raise WeightsError(f"{file.path!r}: {layer.label}: axis is {settings.axis}, not 1")
    vectors = _vectors(file, layer, len(layer.message.blobs))
    if len(vectors) not in (1, 2):
        raise WeightsError(f"{file.path!r}: {layer.label}: {len(vectors)} arrays; one or two")
    shifts = vectors[1] if len(vectors) == 2 else np.zeros(1)
    return _finite(file, Affine(layer.label, vectors[0], shifts))


def _power(file: WeightsFile, layer: CaffeLayer) -> Affine:
    """Y = (shift + scale * x) ** power."""
    settings = layer.settings("power_param")
    values = {"power": 1.0, "scale": 1.0, "shift": 0.0}
    for name in values:
        if settings is not None and settings.HasField(name):
            values[name] = getattr(settings, name)
    if values["power"] != 1:
        raise WeightsError(f"{file.path!r}: {layer.label}: power is {values['power']}, not 1")
    factors, shifts = np.array([values["scale"]]), np.array([values["shift"]])
    return _finite(file, Affine(layer.label, factors, shifts))


def _vectors(file: WeightsFile, layer: CaffeLayer, count: int) -> list[NDArray[np.float64]]:
    """Read the arrays of a layer that have a number for each channel."""
    where = f"{file.path!r}: {layer.label}"
    blobs = layer.message.blobs
    if len(blobs) != count:
        raise WeightsError(f"{where}: {len(blobs)} arrays; {count} are needed")
    vectors = []
    for blob in blobs:
        shape = blob_shape(blob, where)
        if max(shape) > MAX_CHANNELS or np.prod(shape, dtype=float) != max(shape):
            raise WeightsError(f"{where}: shape {shape}; one number for a channel is needed")
        vectors.append(blob_array(file, blob, where).reshape(-1).astype(np.float64))
    return vectors


def _finite(file: WeightsFile, affine: Affine) -> Affine:
    if not (np.isfinite(affine.factors).all() and np.isfinite(affine.shifts).all()):
        raise WeightsError(f"{file.path!r}: {affine.where}: its numbers must be finite")
    return affine


def _expect(
    file: WeightsFile, layer: CaffeLayer, settings: Mapping[str, Any], name: str, wanted: object
) -> None:
    found = settings.get(name, wanted)
    if found != wanted:
        raise WeightsError(f"{file.path!r}: {layer.label}: {name} is {found}, not {wanted}")
