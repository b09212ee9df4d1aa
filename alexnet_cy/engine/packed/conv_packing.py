"""The weights of a convolution, packed as they are read."""

from __future__ import annotations

from math import prod

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.packed.rows import for_each_row_block
from alexnet_cy.kernels.convolution._conv import PackedConv

__all__ = ["PART_FLOATS", "pack_array", "pack_conv"]

# Floats read at a time, in whole filters: 512 KiB, which the L2 cache has at hand when they are
# packed.
PART_FLOATS = 2**17


def pack_conv(
    weight: TensorRef, bias: Float32Array | None, groups: int, kernels: object, threads: int
) -> PackedConv:
    """Read and pack the weights of a convolution.

    Parameters
    ----------
    weight : TensorRef
        Of shape (O, C / groups, R, S). Where it can, it is read filter by filter.
    bias : ndarray of float32, shape (O,), or None for zeros
    groups : int
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
    packed = _empty(weight.shape, bias, groups, kernels)
    n_filters = max(1, PART_FLOATS // prod(weight.shape[1:]))
    for_each_row_block(weight, n_filters, threads, packed.pack_filters)
    return packed


def pack_array(
    weight: Float32Array, bias: Float32Array | None, groups: int, kernels: object
) -> PackedConv:
    """Pack weights that are in memory; parameters and errors as those of `pack_conv`."""
    packed = _empty(weight.shape, bias, groups, kernels)
    packed.pack_filters(0, weight)
    return packed


def _empty(
    shape: tuple[int, ...], bias: Float32Array | None, groups: int, kernels: object
) -> PackedConv:
    out_channels, group_channels, kernel_h, kernel_w = shape
    return PackedConv(out_channels, group_channels, kernel_h, kernel_w, bias, groups, kernels)
