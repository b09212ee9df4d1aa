"""What scikit-learn hands to an estimator of images, as images."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["images_of", "is_prepared"]

PATHS = "UO"
"""Kinds of arrays (`numpy.dtype.kind`) whose items are paths or images."""


def is_prepared(X: Any) -> bool:
    """Tell an array of floats (N, 3, H, W), which goes into the network as it is."""
    return isinstance(X, np.ndarray) and X.dtype.kind == "f" and X.ndim == 4


def images_of(X: Any) -> list[Any]:
    """Return a list of images.

    Parameters
    ----------
    X : list, array, Series or one-column table
        Of paths, PIL images or uint8 arrays (H, W, 3); or a uint8 array (N, H, W, 3).

    Raises
    ------
    TypeError
        One image, or an array of something else.
    ValueError
        A table of several columns.
    """
    if hasattr(X, "columns") and hasattr(X, "to_numpy"):  # of pandas, polars and others
        X = X.to_numpy()
    if isinstance(X, np.ndarray):
        if X.ndim == 2 and X.dtype.kind in PATHS:
            if X.shape[1] != 1:
                raise ValueError(
                    f"X: need one column of paths, got {X.shape[1]}; ColumnTransformer picks one"
                )
            X = X[:, 0]
        if not (X.ndim == 1 and X.dtype.kind in PATHS) and not (
            X.ndim == 4 and X.dtype == np.uint8
        ):
            raise TypeError(
                "X: need paths or images, (N,) or (N, 1), uint8 (N, H, W, 3) or prepared floats "
                f"(N, 3, H, W); got {X.dtype.name} of shape {X.shape}"
            )
    elif isinstance(X, (str, bytes)) or not hasattr(X, "__iter__"):
        raise TypeError(
            f"X: need a list of images, got {type(X).__name__}; put a single one into a list"
        )
    return list(X)
