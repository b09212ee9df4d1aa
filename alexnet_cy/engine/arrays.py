"""The gate in front of every kernel: what comes in becomes float32, C-contiguous and aligned.

Also where memory for results and scratch comes from.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import ArrayLike

from alexnet_cy.contracts.arrays import Float32Array, as_array
from alexnet_cy.kernels._runtime import AlignedMemory

__all__ = ["aligned_zeros", "array_on", "as_float32", "padded_nhwc"]


def as_float32(
    value: ArrayLike, name: str, ndim: int | None = None, layout: str = ""
) -> Float32Array:
    """Return an array of floating-point numbers as float32, native, C-contiguous and aligned.

    The array itself if it is all of that already (it may be read-only), else a copy.

    Parameters
    ----------
    value : array_like
        Of float16, float32 or float64, in any byte order and memory layout.
    name : str
        Its name in error messages.
    ndim : int, optional
        The number of axes it must have; any number if left out.
    layout : str
        Their names for the message, such as "(N, C, H, W)".

    Raises
    ------
    TypeError
        Integers, booleans, complex numbers, objects and masked values are refused: what they
        should mean is not clear. So is whatever fails to make an array of itself.
    ValueError
        The number of axes is wrong, the rows of nested lists are not of one length, or a finite
        float64 is too large for float32.
    """
    array = as_array(value, name)
    # The type first: a plain array need not import numpy.ma, which takes 10 ms.
    if type(array) is not np.ndarray and isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{name}: masked arrays have no defined result, got one; fill it first")
    array = np.asarray(array)
    if array.dtype.kind != "f":
        hint = ""
        if array.dtype == np.uint8:
            hint = "; images in uint8 go through preprocess, classify or features"
        raise TypeError(
            f"{name}: need floating-point numbers (float32), got {array.dtype.name}{hint}"
        )
    if ndim is not None and array.ndim != ndim:
        axes = "axis" if ndim == 1 else "axes"
        raise ValueError(f"{name}: need {ndim} {axes} {layout}, got shape {array.shape}")
    flags = array.flags
    if array.dtype == np.float32 and flags.c_contiguous and flags.aligned:  # as it usually comes
        return array
    with np.errstate(over="ignore"):
        result: Float32Array = np.require(array, np.float32, ["C", "A"])
    if array.dtype.itemsize > 4 and not np.array_equal(np.isinf(array), np.isinf(result)):
        raise ValueError(f"{name}: has finite values beyond float32's largest, 3.4e38")
    return result


def aligned_zeros(shape: tuple[int, ...]) -> Float32Array:
    """Return a zero-filled float32 array that starts on a page, on huge pages where there are any.

    Raises
    ------
    MemoryError
        The system does not grant it.
    """
    return array_on(AlignedMemory(4 * prod(shape)), shape)


def array_on(memory: AlignedMemory, shape: tuple[int, ...]) -> Float32Array:
    """Return a float32 array at the beginning of memory that is large enough for it."""
    buffer = memoryview(memory)  # type: ignore[arg-type]  # the protocol is visible from 3.12 on
    return np.frombuffer(buffer, np.float32, count=prod(shape)).reshape(shape)


def padded_nhwc(
    n_images: int, height: int, width: int, channels: int, padding: tuple[tuple[int, int], ...]
) -> tuple[Float32Array, Float32Array]:
    """Return a zero-filled (N, H + padding, W + padding, C) array, and the view without padding."""
    (top, bottom), (left, right) = padding
    whole = aligned_zeros((n_images, top + height + bottom, left + width + right, channels))
    return whole, whole[:, top : top + height, left : left + width]
