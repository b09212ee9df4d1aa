"""What the values of a row are called where each has a column of its own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

__all__ = ["column_names"]


def column_names(layer: str, row_shape: tuple[int, ...]) -> Iterator[str]:
    """Yield "fc7_0", "fc7_1", ... or "conv5_0_0_0", ...: channel, row, column, from 0."""
    for place in product(*map(range, row_shape)):
        yield "_".join((layer, *map(str, place)))
