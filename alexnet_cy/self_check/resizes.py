"""The cases of the self-check for the resize of images in 8 bits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.kernels.images import _resample
from alexnet_cy.self_check.case import Case

__all__ = ["resizes"]


def resizes() -> Iterator[Case]:
    """Yield a case for each axis; their sums are of whole numbers, and exact."""
    # Weights of the kernels' form: 22 bits behind the point, and pixels that reach both ends.
    pixels = np.random.default_rng(4).integers(0, 256, (21, 30, 4), np.uint8)
    pixels[:4] = 255
    first, count = np.array([[0, 3, 9, 20, 27], [3, 5, 1, 4, 3]], np.int32)
    weight = np.random.default_rng(5).random((5, 5)) * (np.arange(5) < count[:, np.newaxis])
    weight = np.rint(weight / weight.sum(axis=1, keepdims=True) * 2**22).astype(np.int32)
    taps = np.zeros((5, 30), np.int64)
    for place, start, end, row in zip(range(5), first, first + count, weight, strict=True):
        taps[place, start:end] = row[: end - start]
    across = np.clip((np.einsum("pxc,qx->pqc", pixels[..., :3], taps) + 2**21) >> 22, 0, 255)
    tall = np.ascontiguousarray(pixels.transpose(1, 0, 2)).reshape(30, -1)
    down = np.clip((taps @ tall.astype(np.int64) + 2**21) >> 22, 0, 255)
    axis = first, count, weight
    for name, kernel, exact, compute in (
        ("across", "resample_columns", across, partial(_resize_across, pixels, axis)),
        ("down", "resample_row", down, partial(_resize_down, tall, axis)),
    ):
        # A bound of zero would leave no share of it.
        bound = np.full(exact.shape, 0.1)
        yield Case("resize", (kernel,), name, compute, exact.astype(np.float64), bound)


def _resize_across(
    pixels: Any, axis: tuple[Any, Any, Any], kernels: object, threads: int
) -> Float32Array:
    y = np.zeros((len(pixels), len(axis[0]), 3), np.uint8)
    _resample.resample_columns(kernels, pixels, *axis, y)
    return y.astype(np.float32)


def _resize_down(
    pixels: Any, axis: tuple[Any, Any, Any], kernels: object, threads: int
) -> Float32Array:
    y = np.zeros((len(axis[0]), pixels.shape[1]), np.uint8)
    _resample.resample_rows(kernels, pixels, *axis, y)
    return y.astype(np.float32)
