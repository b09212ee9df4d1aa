"""The settings that the layers of a Caffe file state.

A layer that
states none (no ``convolution_param`` at all) may be anything; one that states some has Caffe's
defaults for the rest, and these differ from AlexNet's: stride 1, no padding, one group, LRN's
alpha 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.specs import Conv, MaxPool

if TYPE_CHECKING:
    from alexnet_cy.weights.caffe.layers import CaffeLayer

__all__ = ["caffe_padding", "file_settings"]

_POOL_METHODS = {0: "MAX", 1: "AVE", 2: "STOCHASTIC"}
_ROUND_MODES = {0: "CEIL", 1: "FLOOR"}
_NORM_REGIONS = {0: "ACROSS_CHANNELS", 1: "WITHIN_CHANNEL"}


def file_settings(layer: CaffeLayer, path: str) -> dict[str, object]:
    """Return what a layer of a file computes.

    Parameters
    ----------
    layer : CaffeLayer
        The layer.
    path : str
        What errors call the file.

    Returns
    -------
    dict
        By Caffe's names, ``num_output`` and the ``kernel_size`` of a convolution only if they are
        stated; empty if the layer states nothing, or is of a type without settings that matter.

    Raises
    ------
    WeightsError
        A setting has more values than an image has axes.
    """
    where = f"{path!r}: {layer.label}"
    readers = {
        "Convolution": ("convolution_param", _convolution),
        "Pooling": ("pooling_param", _pooling),
        "LRN": ("lrn_param", _normalisation),
        "InnerProduct": ("inner_product_param", _inner_product),
        "ReLU": ("relu_param", _rectifier),
    }
    if layer.type not in readers:
        return {}
    name, read = readers[layer.type]
    settings = layer.settings(name)
    return {} if settings is None else read(settings, where)


def caffe_padding(spec: Conv | MaxPool) -> tuple[int, int] | None:
    """Return the padding (vertical, horizontal); None if the ends differ, which Caffe cannot do."""
    (top, bottom), (left, right) = spec.padding
    return (top, left) if (top, left) == (bottom, right) else None


def _convolution(settings: Any, where: str) -> dict[str, object]:
    found = {
        "stride": _pair(settings, "stride", "stride_h", "stride_w", 1, where),
        "pad": _pair(settings, "pad", "pad_h", "pad_w", 0, where),
        "group": settings.group if settings.HasField("group") else 1,
        "dilation": _both(tuple(settings.dilation[:3]), 1, "dilation", where),
    }
    if settings.HasField("num_output"):
        found["num_output"] = settings.num_output
    if len(settings.kernel_size) or settings.HasField("kernel_h"):
        found["kernel_size"] = _pair(settings, "kernel_size", "kernel_h", "kernel_w", 0, where)
    return found


def _pooling(settings: Any, where: str) -> dict[str, object]:
    return {
        "pool": _POOL_METHODS.get(settings.pool, settings.pool),
        "kernel_size": _pair(settings, "kernel_size", "kernel_h", "kernel_w", 0, where),
        "stride": _pair(settings, "stride", "stride_h", "stride_w", 1, where),
        "pad": _pair(settings, "pad", "pad_h", "pad_w", 0, where),
        "round_mode": _ROUND_MODES.get(settings.round_mode, settings.round_mode),
        "global_pooling": settings.global_pooling,
    }


def _normalisation(settings: Any, where: str) -> dict[str, object]:
    return {
        "local_size": settings.local_size if settings.HasField("local_size") else 5,
        "alpha": settings.alpha if settings.HasField("alpha") else 1.0,
        "beta": settings.beta if settings.HasField("beta") else 0.75,
        "k": settings.k if settings.HasField("k") else 1.0,
        "norm_region": _NORM_REGIONS.get(settings.norm_region, settings.norm_region),
    }


def _inner_product(settings: Any, where: str) -> dict[str, object]:
    found = {"axis": settings.axis if settings.HasField("axis") else 1}
    if settings.HasField("num_output"):
        found["num_output"] = settings.num_output
    return found


def _rectifier(settings: Any, where: str) -> dict[str, object]:
    return {"negative_slope": settings.negative_slope}


def _pair(
    settings: Any, both: str, vertical: str, horizontal: str, default: int, where: str
) -> tuple[int, int]:
    """Return a setting that is one number, two, or two fields for height and width."""
    if settings.HasField(vertical) or settings.HasField(horizontal):
        return (
            getattr(settings, vertical) if settings.HasField(vertical) else default,
            getattr(settings, horizontal) if settings.HasField(horizontal) else default,
        )
    return _both(tuple(getattr(settings, both)[:3]), default, both, where)


def _both(values: tuple[int, ...], default: int, name: str, where: str) -> tuple[int, int]:
    """Return one value for both axes of an image, or one for each."""
    match values:
        case ():
            return default, default
        case (value,):
            return value, value
        case (vertical, horizontal):
            return vertical, horizontal
        case _:
            raise WeightsError(f"{where}: {name} has more than two values; an image has two axes")
