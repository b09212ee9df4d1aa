"""Packing a fully connected layer's weights while they are read, a few rows at a time.

The weights of fc6, 151 MB, need not be in memory twice: every thread reads rows into a buffer of
its own and packs them from the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import numpy as np

from alexnet_cy._linear import PackedLinear
from alexnet_cy.engine.arrays import Float32Array
from alexnet_cy.weights.tensors import TensorRef

__all__ = ["pack_linear"]

# Outputs read and packed at a time. What is written for one input is contiguous, 256 bytes for 64
# outputs; packing fc6 took 50, 43, 39 ms with 16, 32 and 64 of them on two threads (AMD Zen 3).
ROWS = 64


def pack_linear(
    weight: TensorRef, bias: Float32Array | None, pixels: int, kernels: object, threads: int
) -> PackedLinear:
    """Read and pack the weights of a fully connected layer.

    Parameters
    ----------
    weight : TensorRef
        Of shape (O, I). Where it can, it is read row by row.
    bias : ndarray of float32, shape (O,), or None for zeros
    pixels : int
        H * W of the activations that the layer flattens; 1 if its inputs are flat.
    kernels : capsule
        The packing is for this instruction-set level.
    threads : int

    Raises
    ------
    WeightsError
        The weights cannot be read.
    ValueError
        The shapes do not fit one another.
    """
    out_features, in_features = weight.shape
    packed = PackedLinear(out_features, in_features, bias, pixels, kernels, threads)
    take_rows = _row_taker(weight)
    starts = range(0, out_features, ROWS)
    waiting = iter(starts)  # shared: every start goes to one thread
    errors: list[BaseException] = []

    def pack() -> None:
        buffer = np.empty((ROWS, in_features), np.float32)
        try:
            for first in waiting:
                if errors:
                    break
                packed.pack_rows(first, take_rows(first, buffer[: out_features - first]))
        except BaseException as error:  # the caller's thread raises it
            errors.append(error)

    helpers = [Thread(target=pack) for _ in range(min(threads, len(starts)) - 1)]
    for helper in helpers:
        helper.start()
    pack()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
    return packed


def _row_taker(weight: TensorRef) -> Callable[[int, Float32Array], Float32Array]:
    """Return what gives the rows from `first` on, as many as the buffer has, and may use it."""
    read_rows = weight.read_rows
    if read_rows is None:
        whole = weight.read()
        return lambda first, buffer: whole[first : first + len(buffer)]

    def take_rows(first: int, buffer: Float32Array) -> Float32Array:
        read_rows(first, buffer)
        return buffer

    return take_rows
