"""Softmax and cross entropy, and their gradient."""
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange

from kernels cimport acy_kernels, kernels_in
from training_kernels cimport acy_training_of

from alexnet_cy.kernels._pieces cimport POWER_WORK, tasks_at_a_time
from alexnet_cy.kernels._runtime cimport threads_for

from libc.stdint cimport int64_t


def cross_entropy(
    kernels, const float[:, ::1] z, const int64_t[::1] labels, const float[::1] class_weights,
    double divisor, float[:, ::1] dz, double[::1] losses, Py_ssize_t threads
):
    """Write losses[n] = w (log sum exp(z[n]) - z[n, t]) and dz[n] = w (softmax(z[n]) - 1_t) / divisor.

    t is labels[n], w its class weight, or 1. `divisor` is the number of images of the whole batch,
    or the sum of their w: the batch's loss is the sum of `losses`, images ascending, over it.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    z, dz : float32, shape (N, F), C-contiguous; dz may be z
    labels : int64, shape (N,), from 0 to F - 1
    class_weights : float32, shape (F,), or None
    divisor : float
    losses : float64, shape (N,)
    threads : int

    Raises
    ------
    ValueError
        The arrays do not fit each other, or a label is no class.
    """
    cdef const acy_kernels *table = kernels_in(kernels)
    cdef Py_ssize_t N = z.shape[0], F = z.shape[1], n
    cdef bint weighted = class_weights is not None
    cdef double weight
    if (
        dz.shape[0] != N or dz.shape[1] != F or labels.shape[0] != N or losses.shape[0] != N
        or (weighted and class_weights.shape[0] != F)
    ):
        raise ValueError("z, labels, class_weights, dz, losses: shapes do not match")
    for n in range(N):
        if not 0 <= labels[n] < F:
            raise ValueError(f"labels: got {labels[n]} for image {n}, need 0 to {F - 1}")
    cdef int n_threads = threads_for(min(threads, N))
    cdef Py_ssize_t first, last, piece = tasks_at_a_time(N, <double> POWER_WORK * N * F)
    for first in range(0, N, piece):
        last = min(first + piece, N)
        for n in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
            weight = class_weights[labels[n]] if weighted else 1.0
            losses[n] = acy_training_of(table).cross_entropy(
                &z[n, 0], F, labels[n], weight, divisor, &dz[n, 0]
            )
        PyErr_CheckSignals()
