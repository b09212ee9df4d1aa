"""All windows of images at once, for the definitions of convolution and pooling."""

from __future__ import annotations

from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.network.windows import Padding, Pair, PairLike, as_padding, as_pair, window_count

__all__ = ["PaddingLike", "window_pixels"]

Float = TypeVar("Float", bound=np.floating[Any])
PaddingLike: TypeAlias = int | Pair | Padding


def window_pixels(
    images: NDArray[Float],
    kernel: Pair,
    stride: PairLike,
    padding: PaddingLike,
    ceil_mode: bool = False,
    *,
    fill: float,
) -> dict[Pair, NDArray[Float]]:
    """Look at all windows of the images at once, pixel by pixel.

    Parameters
    ----------
    images : array, shape (N, C, H, W)
        Of any floating-point type.
    kernel, stride, padding, ceil_mode
        As in `max_pool2d`.
    fill : float
        The value outside the images.

    Returns
    -------
    dict
        Under the key (r, s) an array of shape (N, C, P, Q), a view where nothing had to be padded:
        row r, column s of each of the P x Q windows.

    Raises
    ------
    ValueError
        If no window fits the image, or an argument is out of range.
    """
    kernel_height, kernel_width = as_pair(kernel, "kernel_size", minimum=1)
    down, across = as_pair(stride, "stride", minimum=1)
    vertical, horizontal = as_padding(padding, kernel)
    height, width = images.shape[2:]
    rows = window_count(height, kernel_height, down, vertical, ceil_mode=ceil_mode)
    columns = window_count(width, kernel_width, across, horizontal, ceil_mode=ceil_mode)
    if rows < 1 or columns < 1:
        raise ValueError(
            f"the {kernel_height}x{kernel_width} kernel does not fit x of {height}x{width} pixels "
            f"with stride {stride} and padding {padding}"
        )
    # In ceil mode the last window may reach beyond image and padding: something must be there.
    below = max(vertical[1], (rows - 1) * down + kernel_height - vertical[0] - height)
    right = max(horizontal[1], (columns - 1) * across + kernel_width - horizontal[0] - width)
    sides = ((0, 0), (0, 0), (vertical[0], below), (horizontal[0], right))
    padded = np.pad(images, sides, constant_values=fill) if np.any(sides) else images
    return {
        (r, s): padded[:, :, r : r + rows * down : down, s : s + columns * across : across]
        for r in range(kernel_height)
        for s in range(kernel_width)
    }
