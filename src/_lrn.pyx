"""Local response normalisation of NHWC images."""
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython.parallel cimport prange, threadid

from kernels cimport acy_image, acy_kernels, capsule_name

from alexnet_cy._runtime import give_back, take_scratch, threads_for

import numpy as np


cdef void norm_row(
    const acy_kernels *kernels, float[:, :, :, :] x, float[:, :, :, :] y, Py_ssize_t size,
    float alpha, float beta, float k, Py_ssize_t row, float *scratch
) noexcept nogil:
    """Row `row` of the flattened (N, H)."""
    cdef Py_ssize_t n = row // x.shape[1], h = row % x.shape[1]
    cdef acy_image image, normed
    image.data = <float *> (<char *> &x[0, 0, 0, 0] + n * x.strides[0])
    image.height = x.shape[1]
    image.width = x.shape[2]
    image.channels = x.shape[3]
    image.row_stride = x.strides[1] // sizeof(float)
    image.pixel_stride = x.strides[2] // sizeof(float)
    normed = image
    normed.data = <float *> (<char *> &y[0, 0, 0, 0] + n * y.strides[0])
    normed.row_stride = y.strides[1] // sizeof(float)
    normed.pixel_stride = y.strides[2] // sizeof(float)
    kernels.local_response_norm(&image, &normed, size, alpha, beta, k, h, h + 1, scratch)


def local_response_norm(
    kernels, float[:, :, :, :] x, float[:, :, :, :] y, Py_ssize_t size, double alpha, double beta,
    double k, Py_ssize_t threads
):
    """Write y = x * (k + alpha / size * sum of the squares of `size` channels)^-beta.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x, y : float32, shape (N, H, W, C), channels contiguous; y may be x
    size : int, at least 1
    alpha, beta, k : float
    threads : int
    """
    cdef const acy_kernels *table = <const acy_kernels *> PyCapsule_GetPointer(
        kernels, capsule_name()
    )
    cdef int axis
    for axis in range(4):
        if x.shape[axis] != y.shape[axis]:
            raise ValueError("x, y: shapes differ")
    if x.strides[3] != sizeof(float) or y.strides[3] != sizeof(float):
        raise ValueError("x, y: channels must be contiguous")
    cdef Py_ssize_t row, n_rows = x.shape[0] * x.shape[1]
    if n_rows * x.shape[2] * x.shape[3] == 0:
        return
    cdef float alpha_per_channel = <float> (alpha / size)
    # A wider window than this sees all channels from each of them, and nothing but zeros beside.
    cdef Py_ssize_t window = min(size, 2 * x.shape[3] + 1)
    cdef float exponent = <float> beta, offset = <float> k
    cdef int n_threads = threads_for(min(threads, n_rows))
    # One cache line between the scratch of two threads.
    cdef Py_ssize_t scratch_floats = (x.shape[3] + window + 2 * table.lanes + 31) // 16 * 16
    memory = take_scratch(4 * n_threads * scratch_floats)
    cdef float[::1] scratch = np.frombuffer(memory, np.float32)
    for row in prange(n_rows, nogil=True, num_threads=n_threads, schedule="static"):
        norm_row(
            table, x, y, window, alpha_per_channel, exponent, offset, row,
            &scratch[threadid() * scratch_floats],
        )
    give_back(memory)
