"""The operations on vectors, one row per image, and on arrays of any shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.tensors import ArrayTensor
from alexnet_cy.engine.arrays import as_float32
from alexnet_cy.engine.packed.linear_packing import pack_linear
from alexnet_cy.kernels import _linear, _softmax
from alexnet_cy.machine.levels import active_kernels
from alexnet_cy.machine.threads import resolve_threads

__all__ = ["linear", "relu", "softmax"]


def linear(
    x: ArrayLike,
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    relu: bool = False,
    threads: int | None = None,
) -> Float32Array:
    """Multiply by a matrix: ``y[n, o] = bias[o] + sum over i of x[n, i] * weight[o, i]``.

    Parameters
    ----------
    x : array_like, shape (N, I)
    weight : array_like, shape (O, I)
    bias : array_like, shape (O,), optional
    relu : bool
        max(0, y).
    threads : int, optional

    Returns
    -------
    ndarray of float32, shape (N, O)

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it, what came and what is needed.
    """
    vectors = as_float32(x, "x", 2, "(N, I)")
    matrix = as_float32(weight, "weight", 2, "(O, I)")
    offsets = None if bias is None else as_float32(bias, "bias", 1, "(O,)")
    n_threads = resolve_threads(threads)
    if 0 in matrix.shape:
        raise ValueError(f"weight: no axis may be empty, got shape {matrix.shape}")
    if vectors.shape[1] != matrix.shape[1]:
        raise ValueError(
            f"x: need shape (N, {matrix.shape[1]}) for weight of shape {matrix.shape}, "
            f"got {vectors.shape}"
        )
    if offsets is not None and offsets.shape != matrix.shape[:1]:
        raise ValueError(f"bias: need shape ({matrix.shape[0]},), got {offsets.shape}")
    packed = pack_linear(ArrayTensor(matrix), offsets, active_kernels(), n_threads)
    y = np.empty((vectors.shape[0], matrix.shape[0]), np.float32)
    _linear.Linear(packed, vectors, y, relu).run(n_threads)
    return y


def relu(x: ArrayLike, *, threads: int | None = None) -> Float32Array:
    """Return ``max(0, x)`` for an array of any shape; NaN stays NaN.

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it, what came and what is needed.
    """
    values = as_float32(x, "x")
    y = np.empty(values.shape, np.float32)
    n_threads = resolve_threads(threads)
    _softmax.Relu(active_kernels(), values.reshape(-1), y.reshape(-1)).run(n_threads)
    return y


def softmax(x: ArrayLike, *, threads: int | None = None) -> Float32Array:
    """Return ``exp(x - m) / sum(exp(x - m))`` along the last axis, m the maximum along it.

    Parameters
    ----------
    x : array_like, shape (N, F)
        A row with a NaN or +inf gives a row of NaN.
    threads : int, optional

    Returns
    -------
    ndarray of float32, shape (N, F)

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; the message names it, what came and what is needed.
    """
    rows = as_float32(x, "x", 2, "(N, F)")
    y = np.empty(rows.shape, np.float32)
    n_threads = resolve_threads(threads)
    _softmax.Softmax(active_kernels(), rows, y).run(n_threads)
    return y
