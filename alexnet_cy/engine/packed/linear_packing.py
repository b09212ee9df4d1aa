"""The weights of a fully connected layer as they are read: packed, or used once and not kept."""

from __future__ import annotations

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.packed.rows import for_each_row_block
from alexnet_cy.kernels import _linear
from alexnet_cy.kernels._linear import PackedLinear

__all__ = ["ROWS", "multiply_streamed", "pack_linear"]

# Outputs read and packed at a time. What is written for one input is contiguous, 256 bytes for 64
# outputs; packing fc6 took 50, 43, 39 ms with 16, 32 and 64 of them on two threads (AMD Zen 3).
ROWS = 64

# Floats read and multiplied at a time, in whole rows: 2 MiB, which the last cache has at hand. For
# fc6 to fc8 2, 1 and 1/2 MiB took 37, 40, 45 ms on two threads (AMD Zen 3).
STREAMED_FLOATS = 2**19


def pack_linear(
    weight: TensorRef, bias: Float32Array | None, kernels: object, threads: int
) -> PackedLinear:
    """Read and pack the weights of a fully connected layer.

    Parameters
    ----------
    weight : TensorRef
        Of shape (O, I). Where it can, it is read row by row.
    bias : ndarray of float32, shape (O,), or None for zeros
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
    packed = PackedLinear(out_features, in_features, bias, kernels, threads)
    for_each_row_block(weight, ROWS, threads, packed.pack_rows)
    return packed


def multiply_streamed(
    weight: TensorRef,
    bias: Float32Array,
    kernels: object,
    x: Float32Array,
    y: Float32Array,
    relu: bool,
    threads: int,
) -> None:
    """Write y[n, o] = relu(bias[o] + sum_k x[n, k] * weight[o, k]), and keep no weights.

    Every thread multiplies rows where it has read them. The bits are those of the packed layer.

    Parameters
    ----------
    weight, bias, kernels, threads
        As for `pack_linear`.
    x : ndarray of float32, shape (N, I), C-contiguous
    y : ndarray of float32, shape (N, O), C-contiguous
    relu : bool

    Raises
    ------
    WeightsError
        The weights cannot be read.
    """
    whole_squares = STREAMED_FLOATS // weight.shape[1] // 8 * 8

    def multiply(first: int, rows: Float32Array) -> bool:
        return _linear.linear_rows(kernels, rows, bias, x, y, first, relu)

    for_each_row_block(weight, max(8, whole_squares), threads, multiply)
