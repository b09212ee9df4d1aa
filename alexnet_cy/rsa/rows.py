"""Features as rows of numbers, and their products, a few columns at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alexnet_cy.contracts.arrays import as_array

__all__ = ["Metric", "Rows", "as_metric", "as_rows", "centred", "lengths", "products"]

Metric: TypeAlias = Literal["correlation", "cosine", "euclidean"]

Matrix: TypeAlias = NDArray[np.float64]

Rows: TypeAlias = NDArray[Any]
"""(N, F) of floats, in whatever precision they came."""

# Columns that are in float64 at a time.
COLUMNS = 4096


SMALLEST, LARGEST = 1e-70, 1e70
"""What a row's largest number may be: an alignment adds up products of four. float32 is within."""


def as_rows(features: ArrayLike, name: str, minimum: int = 1) -> Rows:
    """Return features with all axes but the first as one.

    Raises
    ------
    TypeError
        They are no floating-point numbers.
    ValueError
        There are fewer than `minimum` rows, or no columns; or a number is not finite, or a row's
        largest is beyond what can be squared twice.
    """
    array = np.asarray(as_array(features, name))
    if array.dtype.kind != "f":
        raise TypeError(f"{name}: need floating-point numbers, got {array.dtype.name}")
    if array.ndim < 2 or len(array) < minimum or array.size == 0:
        raise ValueError(
            f"{name}: need (N, ...) with N at least {minimum}, a row for each image, got shape "
            f"{array.shape}"
        )
    rows = array.reshape(len(array), -1)
    for i, row in enumerate(rows):
        peak = max(-float(row.min()), float(row.max()))
        if not np.isfinite(peak):
            raise ValueError(f"{name}: row {i} is not finite; leave out images without features")
        if peak > LARGEST or 0 < peak < SMALLEST:
            raise ValueError(
                f"{name}: row {i} has numbers up to {peak:g}, of which products overflow or "
                f"vanish; need {SMALLEST:g} to {LARGEST:g}: scale them"
            )
    return rows


def as_metric(metric: str) -> Metric:
    """Check the argument `metric`."""
    for known in get_args(Metric):
        if metric == known:
            checked: Metric = known
            return checked
    raise ValueError(f"metric: need one of {', '.join(get_args(Metric))}, got {metric!r}")


def columns(rows: Rows, shift: Matrix | float) -> Iterator[Matrix]:
    """Yield the columns in float64, some at a time, less `shift`: (N, 1), (1, F) or a number."""
    shifts = np.broadcast_to(shift, rows.shape)
    for begin in range(0, rows.shape[1], COLUMNS):
        part = np.s_[:, begin : begin + COLUMNS]
        yield rows[part].astype(np.float64) - shifts[part]


def centred(rows: Rows, metric: Metric) -> Matrix | float:
    """Return what is subtracted from rows: for a correlation their means, (N, 1)."""
    return rows.mean(axis=1, dtype=np.float64, keepdims=True) if metric == "correlation" else 0.0


def lengths(rows: Rows, shift: Matrix | float, name: str, metric: Metric) -> Matrix:
    """Return the lengths of the rows less `shift`, (N,).

    Raises
    ------
    ValueError
        One is zero, so that the metric is not defined.
    """
    squares = np.zeros(len(rows))
    for part in columns(rows, shift):
        squares += np.einsum("nf,nf->n", part, part)
    # What rounding leaves of a constant row, whose mean is not exact.
    means = np.abs(np.broadcast_to(shift, (len(rows), 1)))[:, 0]
    floor = means * np.sqrt(rows.shape[1]) * 1e-14
    found = np.sqrt(squares)
    for i in np.flatnonzero(found <= floor):
        what = "constant" if metric == "correlation" else "all zero"
        raise ValueError(f"{name}: row {i} is {what}, so its {metric} is not defined")
    return found


def products(a: Rows, b: Rows, shift_a: Matrix | float, shift_b: Matrix | float) -> Matrix:
    """Return sum over f of (a[i, f] - shift_a) * (b[j, f] - shift_b), (N, M) in float64."""
    total = np.zeros((len(a), len(b)))
    for of_a, of_b in zip(columns(a, shift_a), columns(b, shift_b), strict=True):
        total += of_a @ of_b.T
    return total
