"""What a graph does to the pixels before its first convolution: subtract a mean, scale.

A network here takes images that are prepared. So a mean in the graph becomes part of the first
convolution where that is exact: not if it pads, as the zeros of the padding come after the mean.
There it becomes the mean that goes with the weights, and is subtracted from images as a preset's
mean is; and so does the average of a mean of every pixel, as no bias differs from pixel to pixel.
A factor can always become part of the weights.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.specs import Conv
from alexnet_cy.network.windows import NO_PADDING
from alexnet_cy.weights.graphs.derived import Computed
from alexnet_cy.weights.trained_on import MEAN_KEY, PRESET_KEY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.weights.graphs.steps import Affine, Weighted

__all__ = ["NOTE_KEY", "take_in"]

NOTE_KEY = "images_note"
"""What users must hear of the images that a graph takes, in the metadata."""

# pytorch/vision: torchvision/transforms/_presets.py, of pixels from 0 to 1.
_TORCHVISION_MEAN = (0.485, 0.456, 0.406)
_TORCHVISION_STD = (0.229, 0.224, 0.225)
_TOLERANCE = 1e-5

# A mean of pixels from 0 to 255 is larger in some channel, one of pixels from 0 to 1 never is.
_LARGEST_UNIT_MEAN = 1.0


def take_in(path: str, arithmetic: Affine, first: Weighted) -> tuple[Weighted, dict[str, str]]:
    """Make arithmetic on pixels part of what follows it.

    Parameters
    ----------
    path : str
        What errors call the file.
    arithmetic : Affine
    first : Weighted
        The convolution behind it.

    Returns
    -------
    Weighted
        The first convolution.
    dict of str to str
        Preset and mean of the images, as metadata, where the graph says something about them.

    Raises
    ------
    WeightsError
        It cannot be: the images are not pixels from 0 to 255, nor prepared as torchvision does.
    """
    where = f"{path!r}: {arithmetic.where}"
    channels = first.weight.shape[1]
    factors, shifts = (
        np.broadcast_to(values, (channels,)) if values.shape in ((1,), (channels,)) else None
        for values in (arithmetic.factors, arithmetic.shifts)
    )
    if factors is None or shifts is None or not isinstance(first.spec, Conv):
        raise WeightsError(f"{where}: needs a number for each of {channels} channels")
    if not (np.isfinite(factors).all() and np.isfinite(shifts).all() and factors.all()):
        raise WeightsError(f"{where}: its numbers must be finite, and no factor zero")
    mean = -shifts / factors
    is_rgb = mean[0] > mean[-1]  # ImageNet's means rise from blue to red
    if _is_torchvisions(mean, factors):
        return first, {PRESET_KEY: "torchvision"}
    if 0 < np.abs(mean).max() <= _LARGEST_UNIT_MEAN:
        raise WeightsError(
            f"{where}: subtracts the mean {_listed(mean)}, so the images are not pixels from 0 to "
            "255, and torchvision's mean and deviation are others; save the network without it"
        )
    weight = Computed(first.weight.shape, lambda w: w * factors[:, None, None], first.weight)
    bias = first.bias
    if mean.any() and first.spec.padding == NO_PADDING and not arithmetic.averaged:
        bias = _shifted_bias(first.weight, first.biases(), shifts)
        mean = np.zeros(channels)
    metadata = {}
    if channels == 3:
        metadata = {
            PRESET_KEY: "caffe-rgb" if is_rgb else "caffe",
            MEAN_KEY: json.dumps([float(value) for value in mean]),
        }
    elif mean.any():
        raise WeightsError(
            f"{where}: subtracts the mean {_listed(mean)} from images of {channels} channels, "
            "which cannot become part of the weights; save the network without it"
        )
    if arithmetic.averaged:
        metadata[NOTE_KEY] = (
            f"{arithmetic.where} subtracts a mean of its own from every pixel; its averages, "
            f"{_listed(mean)}, are subtracted in their place, so results differ a little"
        )
    return first._replace(weight=weight, bias=bias), metadata


def _is_torchvisions(mean: NDArray[np.float64], factors: NDArray[np.float64]) -> bool:
    return (
        mean.shape == (3,)
        and np.allclose(mean, _TORCHVISION_MEAN, rtol=_TOLERANCE)
        and np.allclose(1 / factors, _TORCHVISION_STD, rtol=_TOLERANCE)
    )


def _shifted_bias(weight: TensorRef, bias: TensorRef, shifts: NDArray[np.float64]) -> TensorRef:
    """bias'[o] = bias[o] + sum over c, y, x of weight[o, c, y, x] shifts[c], in float64."""

    def shifted(array: NDArray[np.float32]) -> NDArray[np.float64]:
        sums: NDArray[np.float64] = weight.read().astype(np.float64).sum(axis=(2, 3)) @ shifts
        return array + sums

    return Computed(bias.shape, shifted, bias)


def _listed(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:g}" for value in values)
