"""Inverted dropout whose masks are a function of a counter, and are never stored."""
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.stdint cimport int64_t, uint32_t, uint64_t

from kernels cimport acy_kernels, kernels_in
from training_kernels cimport acy_training_of

from alexnet_cy.kernels._pieces cimport COMPARE_WORK, tasks_at_a_time
from alexnet_cy.kernels._runtime cimport threads_for


cdef void drop_image(
    const acy_kernels *kernels, const float *x, float *y, Py_ssize_t n, uint64_t threshold,
    float scale, uint32_t step, int64_t image, uint64_t seed, uint32_t stream
) noexcept nogil:
    cdef uint32_t[4] counter = [0, step, <uint32_t> image, <uint32_t> (image >> 32)]
    cdef uint32_t[2] key = [<uint32_t> seed, <uint32_t> (seed >> 32) ^ stream]
    acy_training_of(kernels).dropout(x, y, 0, n, threshold, scale, counter, key)


def dropout(
    kernels, const float[:, ::1] x, float[:, ::1] y, double p, uint64_t seed, uint32_t stream,
    uint32_t step, const int64_t[::1] images, Py_ssize_t threads
):
    """Write y[n, i] = x[n, i] / (1 - p) where unit i of image n is kept, else 0.

    The gradient is the same function of its own. What is kept depends on nothing but (seed, stream,
    step, images[n], i): Philox 4x32-10 with the key (seed, its upper half xor stream) and the
    counter (i / 4, step, images[n]); word i % 4 drops unit i if it is below p 2^32.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x, y : float32, shape (N, F), C-contiguous; y may be x
    p : float, from 0 to below 1
    seed : int, 64 bits
    stream, step : int, 32 bits
    images : int64, shape (N,)
        The place of each image in its data set, from 0.
    threads : int

    Raises
    ------
    ValueError
        The arrays do not fit each other, or p is no probability below 1.
    """
    cdef const acy_kernels *table = kernels_in(kernels)
    cdef Py_ssize_t N = x.shape[0], F = x.shape[1], n
    if y.shape[0] != N or y.shape[1] != F or images.shape[0] != N:
        raise ValueError("x, y, images: shapes do not match")
    if not 0 <= p < 1:
        raise ValueError(f"p: need 0 <= p < 1, got {p}")
    if N * F == 0:
        return
    cdef uint64_t threshold = <uint64_t> (p * 4294967296.0)
    cdef float scale = <float> (1.0 / (1.0 - p))
    cdef int n_threads = threads_for(min(threads, N))
    cdef Py_ssize_t first, last, piece = tasks_at_a_time(N, <double> COMPARE_WORK * N * F)
    for first in range(0, N, piece):
        last = min(first + piece, N)
        for n in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
            drop_image(
                table, &x[n, 0], &y[n, 0], F, threshold, scale, step, images[n], seed, stream
            )
        PyErr_CheckSignals()
