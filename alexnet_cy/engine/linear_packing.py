"""The weights of a fully connected layer as they are read, a few rows at a time.

The weights of fc6, 151 MB, need not be in memory twice: every thread reads rows into a buffer of
its own and packs them from the cache. To use them only once they need not be in memory at all.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import numpy as np

from alexnet_cy import _linear
from alexnet_cy._linear import PackedLinear
from alexnet_cy.engine.arrays import Float32Array
from alexnet_cy.weights.tensors import TensorRef

__all__ = ["ROWS", "multiply_in_passing", "pack_linear"]

# Outputs read and packed at a time. What is written for one input is contiguous, 256 bytes for 64
# outputs; packing fc6 took 50, 43, 39 ms with 16, 32 and 64 of them on two threads, and fc6 to fc8
# in passing 90, 68 and 51 ms (AMD Zen 3).
ROWS = 64

TakeRows = Callable[[int, Float32Array], None]
"""Called with the rows of a weight matrix from an index on."""


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
    _share_rows(weight, threads, lambda: packed.pack_rows)
    return packed


def multiply_in_passing(
    weight: TensorRef,
    bias: Float32Array,
    pixels: int,
    kernels: object,
    x: Float32Array,
    y: Float32Array,
    relu: bool,
    threads: int,
) -> None:
    """Write y[n, o] = relu(bias[o] + sum_k x[n, k] * weight[o, k]), and keep no weights.

    Every thread packs a few outputs at a time, all in the same place, and multiplies them there.
    The bits are those of the whole packed layer.

    Parameters
    ----------
    weight, bias, pixels, kernels, threads
        As for `pack_linear`.
    x : ndarray of float32, shape (N, I), C-contiguous; the inputs in (H, W, C) order
    y : ndarray of float32, shape (N, O)
    relu : bool

    Raises
    ------
    WeightsError
        The weights cannot be read.
    """
    out_features, in_features = weight.shape
    width = min(ROWS, out_features)

    def start() -> TakeRows:
        outputs = PackedLinear(width, in_features, None, pixels, kernels, 1)
        part = np.empty((len(x), width), np.float32)

        def multiply(first: int, rows: Float32Array) -> None:
            end = first + len(rows)
            outputs.pack_bias(bias[first:end])
            outputs.pack_rows(0, rows)
            _linear.linear(outputs, x, part, relu, 1)
            y[:, first:end] = part[:, : len(rows)]

        return multiply

    _share_rows(weight, threads, start)


def _share_rows(weight: TensorRef, threads: int, start: Callable[[], TakeRows]) -> None:
    """Read all rows of a matrix on some threads; what `start` returns on each takes its share."""
    out_features, in_features = weight.shape
    read_rows = _row_reader(weight)
    starts = range(0, out_features, ROWS)
    waiting = iter(starts)  # shared: every start goes to one thread
    errors: list[BaseException] = []

    def work() -> None:
        try:
            take_rows = start()
            buffer = np.empty((ROWS, in_features), np.float32)
            for first in waiting:
                if errors:
                    break
                take_rows(first, read_rows(first, buffer[: out_features - first]))
        except BaseException as error:  # the caller's thread raises it
            errors.append(error)

    helpers = [Thread(target=work) for _ in range(min(threads, len(starts)) - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]


def _row_reader(weight: TensorRef) -> Callable[[int, Float32Array], Float32Array]:
    """Return what gives the rows from `first` on, as many as the buffer has, and may use it."""
    fill_rows = weight.read_rows
    if fill_rows is None:
        whole = weight.read()
        return lambda first, buffer: whole[first : first + len(buffer)]

    def read_rows(first: int, buffer: Float32Array) -> Float32Array:
        fill_rows(first, buffer)
        return buffer

    return read_rows
