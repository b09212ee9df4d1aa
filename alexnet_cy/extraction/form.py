"""From a layer's values to the rows of a file: pooled, flattened, rounded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array

__all__ = ["DType", "Pool", "RowForm", "Rows"]

Pool: TypeAlias = Literal["mean", "max", "l2"]
DType: TypeAlias = Literal["float32", "float16"]

Rows: TypeAlias = NDArray[Any]
"""Of float32 or float16, (images, ...)."""


@dataclass(frozen=True, slots=True)
class RowForm:
    """What is done to the values of a layer before they are written.

    Parameters
    ----------
    pool : {"mean", "max", "l2"}, optional
        One number for each channel in place of its map: the mean of the positions, their maximum,
        or the square root of the sum of their squares. Vectors stay as they are.
    flatten : bool
        Make (C, H, W) one axis, in this order. The axis of the views of a ten-crop preset stays.
    dtype : {"float32", "float16"}
        float16 keeps 11 significant bits and takes half the space.
    views : int
        Views of an image; more than one have an axis behind that of the images.

    Raises
    ------
    ValueError
        There is no such pooling or type.
    """

    pool: Pool | None = None
    flatten: bool = False
    dtype: DType = "float32"
    views: int = 1

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.pool not in (None, *get_args(Pool)):
            raise ValueError(f"pool: need 'mean', 'max', 'l2' or None, got {self.pool!r}")
        if self.dtype not in get_args(DType):
            raise ValueError(f"dtype: need 'float32' or 'float16', got {self.dtype!r}")

    def shape(self, layer_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of a row for a layer's value of one view, (C, H, W) or (F,)."""
        shape = layer_shape[:1] if self.pool and len(layer_shape) == 3 else layer_shape
        shape = (prod(shape),) if self.flatten else shape
        return shape if self.views == 1 else (self.views, *shape)

    def rows(self, layer: str, values: Float32Array) -> Rows:
        """Return the rows of some images.

        Parameters
        ----------
        layer : str
            For error messages.
        values : ndarray of float32
            (N, ...), or (N, views, ...) for more than one view.

        Raises
        ------
        ValueError
            A value is beyond the range of float16.
        """
        axes = 1 if self.views == 1 else 2
        lead, shape = values.shape[:axes], values.shape[axes:]
        if self.pool and len(shape) == 3:
            values = _pooled(values, self.pool).reshape(*lead, shape[0])
        if self.flatten:
            values = values.reshape(*lead, prod(values.shape[axes:]))
        if self.dtype == "float32":
            return values
        largest = float(np.nanmax(np.abs(values), initial=0, where=~np.isnan(values)))
        limit = float(np.finfo(np.float16).max)
        if limit < largest < np.inf:
            raise ValueError(
                f"dtype: {layer} has values up to {largest:g}, beyond float16's {limit:g}; "
                "use float32"
            )
        return values.astype(np.float16)

    def describe(self) -> Mapping[str, object]:
        """Return the settings for a manifest."""
        return {"pool": self.pool, "flatten": self.flatten, "dtype": self.dtype}


def _pooled(values: Float32Array, pool: Pool) -> Float32Array:
    """Return one number for each map; sums run over a map alone, in float64."""
    maps = values.reshape(-1, prod(values.shape[-2:]))
    if pool == "max":
        pooled: Float32Array = maps.max(axis=1)
    elif pool == "mean":
        pooled = maps.mean(axis=1, dtype=np.float64).astype(np.float32)
    else:
        # (sum over positions of x ** 2) ** (1 / 2)
        pooled = np.sqrt(np.square(maps, dtype=np.float64).sum(axis=1)).astype(np.float32)
    return pooled
