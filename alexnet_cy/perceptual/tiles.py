"""How a large image is cut, so that no more of it is in memory than a tile and its features.

A value of conv5 depends on the 80 pixels before its 16 x 16 cell and the 80 behind it, and the
values of the other layers on fewer. A tile has these pixels about its core: the values of the core
are those of the whole image, and the others are thrown away.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

__all__ = ["Span", "cut_axis", "is_cut"]

WHOLE_PIXELS = 1 << 21
"""An image of more pixels is cut. Two whole ones of 2 megapixels take 120 MB."""

CORE_PIXELS = 1280

CELL_PIXELS = 16
"""The strides of conv1, pool1 and pool2, 4 x 2 x 2: from a value of conv5 to the next."""

VALUES_IN_CELL = (4, 2, 1, 1, 1)
"""Values of conv1 to conv5 in a cell, along one axis."""

# What zeros at the edge of a tile reach: of conv1 value 0, of pool1 0, of conv2 0 to 2 (5 wide), of
# pool2 0 and 1, of conv3 one more (3 wide), of conv4 another, of conv5 another: 0 to 4, 5 cells.
MARGIN_CELLS = 5
# The last pixel that value c - 1 of conv5 depends on, counted from 16 c: conv5, conv4 and conv3
# look at pool2 up to c + 2, that at conv2 up to 2 (c + 2) + 2, pool1 up to 2 c + 8, conv1 up to
# 2 (2 c + 8) + 2 and pixels up to 4 (4 c + 18) + 8.
PIXELS_BEHIND = 80


class Span(NamedTuple):
    """One piece of an axis.

    Attributes
    ----------
    pixels : slice
        Those of the tile.
    from_tile, to_whole : tuple of slice
        For each of conv1 to conv5: the values of the tile that count, and their place among those
        of the whole image.
    """

    pixels: slice
    from_tile: tuple[slice, ...]
    to_whole: tuple[slice, ...]


def is_cut(height: int, width: int) -> bool:
    """Whether an image of this size is cut into tiles."""
    return height * width > WHOLE_PIXELS


def cut_axis(n_pixels: int, n_values: tuple[int, ...], *, cut: bool) -> list[Span]:
    """Cut one axis of an image.

    Parameters
    ----------
    n_pixels : int
    n_values : tuple of int
        Of conv1 to conv5, for the whole image.
    cut : bool
        Whether there is to be more than one piece, if the axis is long enough.
    """
    n_cells = n_values[-1]
    n_pieces = -(-n_pixels // CORE_PIXELS) if cut else 1
    bounds = [piece * n_cells // n_pieces for piece in range(n_pieces + 1)]
    return [_span(n_pixels, n_values, *piece) for piece in pairwise(bounds)]


def _span(n_pixels: int, n_values: tuple[int, ...], begin: int, end: int) -> Span:
    """Return the piece of the cells from `begin` to `end`; the last one has all that follows."""
    first = max(0, begin - MARGIN_CELLS)
    is_last = end == n_values[-1]
    last_pixel = n_pixels if is_last else min(n_pixels, CELL_PIXELS * end + PIXELS_BEHIND + 1)
    to_whole = tuple(
        slice(begin * per_cell, n if is_last else end * per_cell)
        for per_cell, n in zip(VALUES_IN_CELL, n_values, strict=True)
    )
    from_tile = tuple(
        slice(values.start - first * per_cell, values.stop - first * per_cell)
        for per_cell, values in zip(VALUES_IN_CELL, to_whole, strict=True)
    )
    return Span(slice(CELL_PIXELS * first, last_pixel), from_tile, to_whole)
