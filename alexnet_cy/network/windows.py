"""Window arithmetic: how many windows of a kernel lie along one axis of an image.

Convolution and pooling share it. Along one axis, window ``i`` covers the kernel's length of
positions from ``i * stride - before`` on; positions outside the image are padding.
"""

from __future__ import annotations

from typing import TypeAlias

from alexnet_cy.contracts.scalars import as_count

__all__ = ["NO_PADDING", "Padding", "Pair", "PairLike", "as_padding", "as_pair", "window_count"]

Pair: TypeAlias = tuple[int, int]
"""(height, width), or (before, after) along one axis."""

PairLike: TypeAlias = int | Pair
"""An argument that becomes a `Pair`: one number stands for both."""

Padding: TypeAlias = tuple[Pair, Pair]
"""((top, bottom), (left, right)), in pixels."""

NO_PADDING: Padding = ((0, 0), (0, 0))


def window_count(
    size: int, kernel_size: int, stride: int, padding: Pair, *, ceil_mode: bool = False
) -> int:
    """Count the windows along one axis.

    Parameters
    ----------
    size, kernel_size, stride : int
        Length of the image, length of the window, distance of two windows, in pixels; at least 1.
    padding : (before, after)
        Pixels of padding at the two ends; each at least 0 and smaller than `kernel_size`.
    ceil_mode : bool
        False: a window must lie inside the padded image, which gives
        ``floor((size + before + after - kernel_size) / stride) + 1`` windows. True: the last window
        may hang over the far end, ``ceil(...) + 1`` windows, but it must start inside the image or
        its leading padding. That is the rule of PyTorch (``pooling_output_shape``) and of Caffe
        (pooling_layer.cpp, where its second half holds only if there is padding).

    Returns
    -------
    int
        The number of windows; 0 if none fits.
    """
    before, after = padding
    room = size + before + after - kernel_size
    if not ceil_mode:
        return max(0, room // stride + 1)
    count = -(-room // stride) + 1
    if (count - 1) * stride >= size + before:
        count -= 1
    return max(0, count)


def as_pair(value: object, name: str, *, minimum: int) -> Pair:
    """Read an argument that is one integer, or (height, width).

    Parameters
    ----------
    value : int or (int, int)
        One integer stands for both; NumPy's integers are welcome.
    name : str
        Its name in error messages.
    minimum : int
        The smallest value that is accepted.

    Returns
    -------
    (int, int)
        Height first.

    Raises
    ------
    TypeError
        If `value` is neither an integer nor two of them.
    ValueError
        If one of them is smaller than `minimum`.
    """
    parts = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    need = "a whole number or two of them, (height, width)"
    if len(parts) != 2:
        raise TypeError(f"{name}: need {need}, got {value!r}")
    height, width = (as_count(part, name, minimum, need=need) for part in parts)
    return height, width


def as_padding(value: object, kernel_size: Pair, name: str = "padding") -> Padding:
    """Read a padding argument: an integer, (height, width) or ((top, bottom), (left, right)).

    Parameters
    ----------
    value : int, (int, int) or ((int, int), (int, int))
        Pixels of padding; one number for an axis stands for both of its ends.
    kernel_size : (int, int)
        Size of the window. Padding must be smaller, else a window could see nothing but padding.
    name : str
        Its name in error messages.

    Returns
    -------
    ((top, bottom), (left, right))

    Raises
    ------
    TypeError
        If `value` has none of the three forms.
    ValueError
        If a padding is negative, or not smaller than the kernel along its axis.
    """
    axes = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(axes) != 2:
        raise TypeError(
            f"{name}: need a whole number, (height, width) or ((top, bottom), (left, right)), "
            f"got {value!r}"
        )
    vertical, horizontal = (as_pair(axis, name, minimum=0) for axis in axes)
    if max(vertical) >= kernel_size[0] or max(horizontal) >= kernel_size[1]:
        raise ValueError(
            f"{name}: need less than the kernel, {kernel_size[0]}x{kernel_size[1]}, got {value!r}"
        )
    return vertical, horizontal
