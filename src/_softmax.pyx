"""Softmax over rows, and ReLU over flat arrays."""
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange

from kernels cimport acy_kernels, kernels_in

from alexnet_cy.kernels._bound cimport Bound
from alexnet_cy.kernels._pieces cimport COPY_WORK, POWER_WORK, tasks_at_a_time
from alexnet_cy.kernels._runtime cimport threads_for

cdef enum:
    # Floats of a tile of relu: 256 KiB, far more than the hand-over to a thread costs.
    RELU_TILE = 65536


cdef class Softmax(Bound):
    """y[n] = exp(x[n] - max(x[n])) / sum(exp(x[n] - max(x[n]))), bound to its arrays.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x, y : float32, shape (N, F), C-contiguous; y may be x

    Raises
    ------
    ValueError
        The shapes differ.
    """

    cdef const acy_kernels *kernels
    cdef const float[:, ::1] x
    cdef float[:, ::1] y

    def __cinit__(self, kernels, const float[:, ::1] x, float[:, ::1] y):
        if x.shape[0] != y.shape[0] or x.shape[1] != y.shape[1]:
            raise ValueError("x, y: shapes differ")
        self.kernels = kernels_in(kernels)
        self.x = x
        self.y = y

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t n, N = self.x.shape[0], F = self.x.shape[1]
        if N * F == 0:
            return 0
        cdef int n_threads = threads_for(min(threads, N))
        cdef Py_ssize_t first, last, piece = tasks_at_a_time(N, POWER_WORK * <double> N * F)
        for first in range(0, N, piece):
            last = min(first + piece, N)
            for n in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
                self.kernels.softmax(&self.x[n, 0], &self.y[n, 0], F)
            PyErr_CheckSignals()
        return 0


cdef class Relu(Bound):
    """y = max(x, 0), bound to its arrays; NaN stays NaN.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x, y : float32, shape (n,), C-contiguous; y may be x

    Raises
    ------
    ValueError
        The shapes differ.
    """

    cdef const acy_kernels *kernels
    cdef const float[::1] x
    cdef float[::1] y

    def __cinit__(self, kernels, const float[::1] x, float[::1] y):
        if x.shape[0] != y.shape[0]:
            raise ValueError("x, y: shapes differ")
        self.kernels = kernels_in(kernels)
        self.x = x
        self.y = y

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t tile, n = self.x.shape[0], n_tiles = (n + RELU_TILE - 1) // RELU_TILE
        if n_tiles == 0:
            return 0
        cdef int n_threads = threads_for(min(threads, n_tiles))
        cdef Py_ssize_t first, last, piece = tasks_at_a_time(n_tiles, COPY_WORK * <double> n)
        for first in range(0, n_tiles, piece):
            last = min(first + piece, n_tiles)
            for tile in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
                self.kernels.relu(
                    &self.x[tile * RELU_TILE], &self.y[tile * RELU_TILE],
                    min(RELU_TILE, n - tile * RELU_TILE),
                )
            PyErr_CheckSignals()
        return 0
