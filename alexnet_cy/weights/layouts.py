"""The orders of axes in which files keep weights, as views of the canonical array.

Each function here takes a canonical array and returns a view of it whose axes are in the order of
the file. Reading assigns the file's numbers to the view; writing copies them out of it. So every
formula stands once, and the writer's is the inverse of the reader's by construction.

    canonical     convolution w[o, i, y, x], fully connected w[o, i]
    hwio          f[y, x, i, o] = w[o, i, y, x]
    in_out        f[i, o] = w[o, i]
    hwio_linear   f[y, x, c, o] = w[o, (c * H + y) * W + x]; in the file (y * W + x) * C + c may be
                  one axis
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import Any, TypeAlias

from numpy.typing import NDArray

__all__ = ["Layout", "as_stored", "hwio", "hwio_linear", "in_out", "tensorflow_layout"]

Array: TypeAlias = NDArray[Any]
Layout: TypeAlias = Callable[[Array], Array]
"""From a canonical array to the view of it that has the file's order of axes."""


def as_stored(array: Array) -> Array:
    """Return the array: the file has the canonical order."""
    return array


def hwio(array: Array) -> Array:
    """View a convolution's (O, I, H, W) as (H, W, I, O)."""
    view: Array = array.transpose(2, 3, 1, 0)
    return view


def in_out(array: Array) -> Array:
    """View a fully connected layer's (out, in) as (in, out)."""
    view: Array = array.T
    return view


def hwio_linear(height: int, width: int) -> Layout:
    """Return the layout of a fully connected layer that reads an image channels last.

    Parameters
    ----------
    height, width : int
        Of the image, in pixels: 6 x 6 for fc6.

    Returns
    -------
    Layout
        From (out, C * H * W) to (H, W, C, out).
    """

    def view(array: Array) -> Array:
        return hwio(array.reshape(len(array), -1, height, width))

    return view


def tensorflow_layout(
    name: str, stored_shape: tuple[int, ...], image_channels: int
) -> tuple[tuple[int, ...], Layout]:
    """Find the canonical shape and the layout of an array that TensorFlow's order describes.

    Parameters
    ----------
    name : str
        Canonical name of the tensor.
    stored_shape : tuple of int
        (H, W, I, O) of a convolution or a fully connected layer; (in, out); or (O,).
    image_channels : int
        Channels of what fc6 reads, which is the number of filters of conv5; 0 if unknown.

    Returns
    -------
    shape : tuple of int
        Canonical shape; `stored_shape` itself where it is none that the layer can have.
    layout : Layout
        From the canonical array to a view that runs through the numbers in the file's order.
    """
    is_convolution = name.startswith("conv")
    match stored_shape:
        case (height, width, in_channels, out_channels) if is_convolution:
            return (out_channels, in_channels, height, width), hwio
        case (height, width, in_channels, out_features) if height and width:
            return (out_features, in_channels * height * width), hwio_linear(height, width)
        case (in_features, out_features) if not is_convolution:
            side = _image_side(in_features, image_channels) if name == "fc6.weight" else 1
            layout = in_out if side == 1 else hwio_linear(side, side)
            return (out_features, in_features), layout
        case _:
            return stored_shape, as_stored


def _image_side(in_features: int, channels: int) -> int:
    """Return the height of the square image that has so many numbers, 1 if there is none."""
    if channels < 1 or in_features % channels:
        return 1
    side = isqrt(in_features // channels)
    return side if side > 0 and channels * side * side == in_features else 1
