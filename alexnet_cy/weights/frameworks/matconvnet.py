"""Reader of MatConvNet's networks (SimpleNN), ``.mat``: imagenet-caffe-alex and its like.

The layers are cells of structs, in order, with all settings (vlfeat/matconvnet, utils/layers.py):

    conv        weights {filters (H, W, I / groups, O), biases}; stride [down across];
                pad [top bottom left right]; until 2014 filters and biases
    relu        leak
    pool        method max or avg; pool [down across]; stride; pad
    lrn         param [size, k, alpha, beta], alpha not divided by the size; "normalize" until 2015
    bnorm       weights {multipliers, biases, moments [mean deviation]}
    softmax, softmaxloss, dropout

Fully connected layers are convolutions. Images are RGB from 0 to 255, less
``meta.normalization.averageImage``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.network.specs import LRN, Conv, MaxPool, Softmax
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.frameworks.matlab import Numbers, Value, read_variables
from alexnet_cy.weights.graphs.build import Size, build
from alexnet_cy.weights.graphs.steps import (
    Affine,
    AveragePool,
    Flatten,
    Relu,
    Step,
    Weighted,
)
from alexnet_cy.weights.layouts import as_stored
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.stored_floats import STORED_TYPES, BlockTensor
from alexnet_cy.weights.trained_on import CLASSES_KEY, MEAN_KEY, PRESET_KEY

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from alexnet_cy.network.windows import Padding, Pair
    from alexnet_cy.weights.layouts import Layout

__all__ = ["read"]

_WANTED = ("net", "layers", "meta", "normalization", "classes")
_FLOAT_NAMES = {STORED_TYPES[name]: name for name in ("F32", "F64")}
_LARGEST_SETTING = 1 << 16

Struct: TypeAlias = "dict[str, Value]"


def read(path: str | os.PathLike[str]) -> NetworkFile:
    """Read the structure of a network.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    NetworkFile
        `format` is "matconvnet"; it has the network. Metadata: the mean of the images, and the
        names of the classes, where the file has them.

    Raises
    ------
    WeightsError
        The file is damaged or of version 7.3, or its layers make no network that is computed here.
    """
    file = open_file(path)
    root = read_variables(file, _WANTED)
    if isinstance(inner := root.get("net"), dict):
        root = inner
    layers, meta = root.get("layers"), root.get("meta")
    if isinstance(layers, dict):
        layers = [layers]  # a struct of one layer, or DagNN's
    if not isinstance(layers, list):
        names = ", ".join(sorted(root)[:10])[:200]
        raise WeightsError(
            f"{file.path!r}: a MATLAB file without the layers of MatConvNet; its variables are "
            f"{names or 'none'}; load it with scipy.io.loadmat, and save the arrays as "
            "conv1.weight, conv1.bias, ... with numpy.savez"
        )
    described = meta if isinstance(meta, dict) else root  # until 2015
    steps: list[Step] = []
    channels: int | None = None
    for place, layer in enumerate(layers):
        where = f"layer {place + 1}"
        try:
            step = _step(where, layer, channels)
        except (ValueError, TypeError, OverflowError) as error:
            raise WeightsError(f"{file.path!r}: {where}: {error}") from error
        if isinstance(step, Weighted):
            channels = step.weight.shape[0]
        if step is not None:
            steps.append(step)
    try:
        size, metadata = _images(described.get("normalization"))
    except (ValueError, TypeError, OverflowError) as error:
        raise WeightsError(f"{file.path!r}: normalization: {error}") from error
    built = build(file.path, [*steps, Flatten()], size)
    metadata |= _classes(described.get("classes"), built.network.num_classes)
    metadata |= built.metadata
    return NetworkFile("matconvnet", built.tensors, built.network.name, metadata, built.network)


def _step(where: str, layer: Value, channels: int | None) -> Step | None:
    """Return what a layer computes; None if nothing."""
    if not isinstance(layer, dict) or not isinstance(kind := layer.get("type"), str):
        raise ValueError("no struct with a type")
    if kind.startswith("dagnn."):
        raise ValueError("a DagNN network; SimpleNN ones are read")
    if isinstance(name := layer.get("name"), str) and name:
        where = name[:80]
    match kind:
        case "conv":
            return _convolution(where, layer, channels)
        case "bnorm":
            return _batch_norm(where, layer)
        case "relu":
            if (leak := _numbers(layer, "leak", 0.0)).any():
                raise ValueError(f"leak is {leak[0]:g}, not 0")
            return Relu(where)
        case "lrn" | "normalize":
            size, k, alpha, beta = _numbers(layer, "param").tolist()
            if size != int(size) or size % 2 != 1:
                raise ValueError(f"param has the size {size:g}, which is not odd")
            norm = LRN(where, int(size), alpha, beta, k, divide_alpha_by_size=False)
            return norm
        case "pool":
            return _pooling(where, layer)
        case "softmax" | "softmaxloss":
            return Softmax(where)
        case "dropout":
            return None
    raise ValueError(f"is of type {kind[:40]!r}, which no AlexNet has")


def _convolution(where: str, layer: Struct, channels: int | None) -> Weighted:
    """Describe a convolution of an image of so many channels; None if it is the first."""
    parts = _weights(layer, ("filters", "biases"))
    filters, biases = (*parts, None, None)[:2]
    if len(parts) > 2 or not isinstance(filters, Numbers):
        raise ValueError("weights must be filters and biases")
    if len(filters.shape) > 4 or min(filters.shape) < 1:
        raise ValueError(f"filters of shape {filters.shape}; four axes are needed")
    sizes: list[int] = [*filters.shape, 1, 1]  # MATLAB drops axes of length 1 at the end
    height, width, in_channels, out_channels = sizes[:4]
    if channels is not None and channels % in_channels:
        raise ValueError(f"filters for {in_channels} channels of an image of {channels}")
    if (_numbers(layer, "dilate", 1.0) != 1).any():
        raise ValueError("dilate is not 1")
    bias = None
    if isinstance(biases, Numbers) and biases.size:
        if biases.size != out_channels:
            raise ValueError(f"biases of shape {biases.shape} for {out_channels} filters")
        bias = _tensor(biases, (out_channels,), as_stored)
    weight = _tensor(filters, (out_channels, in_channels, height, width), _with_columns_last)
    spec = Conv(
        where,
        out_channels,
        (height, width),
        _pair(layer, "stride", 1.0),
        _padding(layer),
        1 if channels is None else channels // in_channels,
        relu=False,
    )
    return Weighted(where, spec, weight, bias)


def _batch_norm(where: str, layer: Struct) -> Affine:
    """Y = g (x - m) / s + b: the file has the deviation s, not the variance."""
    found = _weights(layer, ("filters", "biases", "moments"))
    if len(found) != 3:
        raise ValueError("weights must be multipliers, biases and moments")
    multipliers, biases, moments = (_small(value, "weights") for value in found)
    channels = multipliers.size
    if biases.size != channels or moments.size != 2 * channels:
        raise ValueError(f"{channels} multipliers, {biases.size} biases, {moments.size} moments")
    mean, deviation = moments[:channels], moments[channels:]
    with np.errstate(all="ignore"):
        factors = multipliers / deviation
        return Affine(where, factors, biases - mean * factors)


def _pooling(where: str, layer: Struct) -> Step:
    method = layer.get("method", "max")
    kernel, stride, padding = _pair(layer, "pool"), _pair(layer, "stride", 1.0), _padding(layer)
    if method == "max":
        return MaxPool(where, kernel, stride, padding, ceil_mode=False)
    if method == "avg":
        return AveragePool(where, kernel, stride, padding)
    raise ValueError(f"method is {str(method)[:40]!r}; max or avg are computed")


def _images(normalization: Value) -> tuple[Size, dict[str, str]]:
    """Return the size of images, and what is subtracted from them."""
    metadata = {PRESET_KEY: "caffe-rgb"}
    if not isinstance(normalization, dict):
        return (None, None), metadata
    size: Size = (None, None)
    if normalization.get("imageSize") is not None:
        height, width, *_ = (_whole(n, "imageSize") for n in _numbers(normalization, "imageSize"))
        size = (height, width) if min(height, width) else size
    mean = normalization.get("averageImage")
    if isinstance(mean, Numbers) and (mean.size == 3 or (mean.size and mean.shape[-1] == 3)):
        values = _small(mean, "averageImage").reshape(3, -1).mean(axis=1)
        if not np.isfinite(values).all():
            raise ValueError("averageImage must be finite")
        metadata[MEAN_KEY] = json.dumps(values.tolist())
    return size, metadata


def _classes(classes: Value, count: int | None) -> dict[str, str]:
    """Return the names of the classes, if there is one for each."""
    if not isinstance(classes, dict):
        return {}
    names = classes.get("description") or classes.get("name")
    if not isinstance(names, list) or len(names) != count:
        return {}
    if not all(isinstance(name, str) and name for name in names):
        return {}
    return {CLASSES_KEY: json.dumps(names, ensure_ascii=False)}


def _weights(layer: Struct, old_names: tuple[str, ...]) -> list[Value]:
    """Return the arrays of a layer, which had fields of their own until 2014."""
    weights = layer.get("weights")
    return weights if isinstance(weights, list) else [layer.get(name) for name in old_names]


def _tensor(numbers: Numbers, shape: tuple[int, ...], layout: Layout) -> TensorRef:
    """Return what reads an array; `layout` views it in the order of the file."""
    name = _FLOAT_NAMES.get(numbers.dtype)
    if numbers.file is not None and name is not None:
        return BlockTensor(numbers.file, numbers.offset_bytes, name, shape, layout=layout)
    if name is None:  # numbers that happen to be whole are stored as such: biases of zero
        numbers.check_small()
    return _ExpandedTensor(numbers, shape, layout)


class _ExpandedTensor(TensorRef):
    """An array that was compressed, or of whole numbers."""

    __slots__ = ("_layout", "_numbers")

    def __init__(self, numbers: Numbers, shape: tuple[int, ...], layout: Layout) -> None:
        super().__init__(shape, _FLOAT_NAMES.get(numbers.dtype, "F64"), numbers.size_bytes)
        self._numbers = numbers
        self._layout = layout

    def read(self) -> NDArray[np.float32]:
        """Copy the numbers, in the order in which they are stored."""
        result = np.empty(self.shape, np.float32)
        view = self._layout(result)
        with np.errstate(over="ignore", invalid="ignore"):  # the loader refuses what is no number
            view[...] = self._numbers.flat().reshape(view.shape)
        return result


def _with_columns_last(array: NDArray[Any]) -> NDArray[Any]:
    """View (O, I, H, W) as (O, I, W, H): Fortran's order of (H, W, I, O)."""
    view: NDArray[Any] = array.transpose(0, 1, 3, 2)
    return view


def _small(value: Value, what: str) -> NDArray[np.float64]:
    """Read some numbers in the order of the file."""
    if not isinstance(value, Numbers):
        raise TypeError(f"{what} must be numbers")
    value.check_small()
    return value.flat().astype(np.float64)


def _numbers(layer: Struct, name: str, default: float | None = None) -> NDArray[np.float64]:
    value = layer.get(name)
    if value is None and default is not None:
        return np.array([default])
    found = _small(value, name)
    return np.array([default]) if not found.size and default is not None else found


def _whole(value: float, name: str) -> int:
    number = int(value)
    if number != value or not 0 <= number <= _LARGEST_SETTING:
        raise ValueError(f"{name} is {value:g}")
    return number


def _pair(layer: Struct, name: str, default: float | None = None) -> Pair:
    values = [_whole(value, name) for value in _numbers(layer, name, default)]
    if len(values) not in (1, 2):
        raise ValueError(f"{name} has {len(values)} numbers; one or two are needed")
    return values[0], values[-1]


def _padding(layer: Struct) -> Padding:
    values = [_whole(value, "pad") for value in _numbers(layer, "pad", 0.0)]
    if len(values) not in (1, 4):
        raise ValueError(f"pad has {len(values)} numbers; one or four are needed")
    top, bottom, left, right = values * 4 if len(values) == 1 else values
    return (top, bottom), (left, right)
