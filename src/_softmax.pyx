"""Softmax over rows, and ReLU over flat arrays."""
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython.parallel cimport prange

from kernels cimport acy_kernels, capsule_name

from alexnet_cy._runtime import threads_for

cdef enum:
    # Floats of a tile of relu: 256 KiB, far more than the hand-over to a thread costs.
    RELU_TILE = 65536


def softmax(kernels, const float[:, ::1] x, float[:, ::1] y, Py_ssize_t threads):
    """Write y[n] = exp(x[n] - max(x[n])) / sum(exp(x[n] - max(x[n]))).

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x, y : float32, shape (N, F), C-contiguous; y may be x
    threads : int
    """
    cdef const acy_kernels *table = <const acy_kernels *> PyCapsule_GetPointer(
        kernels, capsule_name()
    )
    if x.shape[0] != y.shape[0] or x.shape[1] != y.shape[1]:
        raise ValueError("x, y: shapes differ")
    cdef Py_ssize_t n, N = x.shape[0], F = x.shape[1]
    if N * F == 0:
        return
    cdef int n_threads = threads_for(min(threads, N))
    for n in prange(N, nogil=True, num_threads=n_threads, schedule="static"):
        table.softmax(&x[n, 0], &y[n, 0], F)


def relu(kernels, const float[::1] x, float[::1] y, Py_ssize_t threads):
    """Write y = max(x, 0); NaN stays NaN.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x, y : float32, shape (n,), C-contiguous; y may be x
    threads : int
    """
    cdef const acy_kernels *table = <const acy_kernels *> PyCapsule_GetPointer(
        kernels, capsule_name()
    )
    if x.shape[0] != y.shape[0]:
        raise ValueError("x, y: shapes differ")
    cdef Py_ssize_t tile, n_tiles = (x.shape[0] + RELU_TILE - 1) // RELU_TILE
    if n_tiles == 0:
        return
    cdef int n_threads = threads_for(min(threads, n_tiles))
    for tile in prange(n_tiles, nogil=True, num_threads=n_threads, schedule="static"):
        table.relu(
            &x[tile * RELU_TILE], &y[tile * RELU_TILE],
            min(RELU_TILE, x.shape[0] - tile * RELU_TILE),
        )
