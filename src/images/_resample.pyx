"""A resize in 8 bits, one axis at a time: each pixel a weighted sum of its neighbours."""
from libc.stdint cimport int32_t, uint8_t

from kernels cimport acy_kernels, acy_resample, kernels_in


cdef acy_resample axis_of(
    const int32_t[::1] first, const int32_t[::1] count, const int32_t[:, ::1] weight,
    Py_ssize_t outputs, Py_ssize_t inputs
) except *:
    """Check one axis: all that it reads lies among its inputs."""
    cdef acy_resample axis
    cdef Py_ssize_t i
    if not (first.shape[0] == count.shape[0] == weight.shape[0] == outputs):
        raise ValueError("first, count, weight: need one for each output")
    for i in range(outputs):
        if not (
            0 <= first[i] and 0 <= count[i] <= weight.shape[1] and first[i] + count[i] <= inputs
        ):
            raise ValueError("first, count: reach beyond the input")
    axis.outputs = outputs
    axis.taps = weight.shape[1]
    axis.first = &first[0] if outputs else NULL
    axis.count = &count[0] if outputs else NULL
    axis.weight = &weight[0, 0] if outputs and axis.taps else NULL
    return axis


def resample_columns(
    kernels, const uint8_t[:, :, ::1] x, const int32_t[::1] first, const int32_t[::1] count,
    const int32_t[:, ::1] weight, uint8_t[:, :, ::1] y
):
    """Resize rows of pixels across.

    y[p, q, c] = clip((2^21 + sum_k weight[q, k] x[p, first[q] + k, c]) >> 22), k < count[q]

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x : uint8, shape (rows, W, 4), C-contiguous
        The fourth byte of a pixel does not count.
    first, count : int32, shape (Q,)
    weight : int32, shape (Q, taps), C-contiguous
        Not negative; the sum of a row is about 2^22.
    y : uint8, shape (rows, Q, 3), C-contiguous

    Raises
    ------
    ValueError
        The arrays do not fit each other, or a pixel beyond x would be read.
    """
    cdef const acy_kernels *table = kernels_in(kernels)
    cdef acy_resample axis = axis_of(first, count, weight, y.shape[1], x.shape[1])
    if x.shape[0] != y.shape[0] or x.shape[2] != 4 or y.shape[2] != 3:
        raise ValueError("x, y: need (rows, W, 4) and (rows, Q, 3)")
    if y.shape[0] == 0 or y.shape[1] == 0 or x.shape[1] == 0:
        return
    with nogil:
        table.resample_columns(
            &axis, &x[0, 0, 0], 4 * x.shape[1], &y[0, 0, 0], 3 * y.shape[1], y.shape[0]
        )


def resample_rows(
    kernels, const uint8_t[:, ::1] x, const int32_t[::1] first, const int32_t[::1] count,
    const int32_t[:, ::1] weight, uint8_t[:, ::1] y
):
    """Resize along columns.

    y[p, i] = clip((2^21 + sum_k weight[p, k] x[first[p] + k, i]) >> 22), k < count[p]

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x : uint8, shape (H, n), C-contiguous
    first, count : int32, shape (P,)
    weight : int32, shape (P, taps), C-contiguous
        As for `resample_columns`.
    y : uint8, shape (P, n), C-contiguous

    Raises
    ------
    ValueError
        The arrays do not fit each other, or a row beyond x would be read.
    """
    cdef const acy_kernels *table = kernels_in(kernels)
    cdef acy_resample axis = axis_of(first, count, weight, y.shape[0], x.shape[0])
    cdef Py_ssize_t p, n = y.shape[1]
    if x.shape[1] != n:
        raise ValueError("x, y: rows are of different lengths")
    if y.shape[0] == 0 or n == 0 or x.shape[0] == 0:
        return
    with nogil:
        for p in range(y.shape[0]):
            table.resample_row(&axis, p, &x[axis.first[p], 0] if axis.count[p] else &x[0, 0], n,
                               &y[p, 0], n)
