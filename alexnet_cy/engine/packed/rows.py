"""Rows of a tensor, read a few at a time, each part used where it has been read.

The weights of fc6, 151 MB, need not be in memory twice: what takes the rows packs them, or
multiplies with them, from the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.arrays import array_on
from alexnet_cy.kernels._runtime import give_back, parallel_for, take_scratch

__all__ = ["for_each_row_block"]

TakeRows = Callable[[int, Float32Array], bool]
"""Called with the rows of a tensor from an index on; returns whether all numbers are finite."""


def for_each_row_block(tensor: TensorRef, n_rows: int, threads: int, take_rows: TakeRows) -> None:
    """Read a tensor `n_rows` indices of its first axis at a time, and have them taken.

    Parameters
    ----------
    tensor : TensorRef
        Where it can, it is read by rows, each thread into a buffer of its own.
    n_rows : int
    threads : int
        So many take parts, in any order.
    take_rows : callable

    Raises
    ------
    WeightsError
        The tensor cannot be read, or holds numbers that are not finite and must not.
    """
    total, *rest = tensor.shape
    whole = None if tensor.reads_rows else tensor.read()

    def take_part(first: int) -> None:
        if whole is not None:
            take_rows(first, whole[first : first + n_rows])
            return
        memory = take_scratch(4 * n_rows * prod(rest))
        rows = array_on(memory, (n_rows, *rest))[: total - first]
        tensor.read_rows(first, rows)
        if not take_rows(first, rows):
            tensor.check_rows(first, rows)
        give_back(memory)

    parallel_for(take_part, range(0, total, n_rows), threads)
