"""The machine's limits, measured with the kernels of a level: arithmetic and reading memory."""
from cython.parallel cimport prange

from kernels cimport acy_kernels, kernels_in

from alexnet_cy.kernels._runtime cimport AlignedMemory, threads_for

from time import perf_counter

import numpy as np


def fma_gflops(kernels, Py_ssize_t threads, Py_ssize_t steps=400_000, int repeats=10):
    """Measure the most multiply-adds that the threads do together, in GFLOP/s.

    The best of `repeats` runs of `steps` multiply-adds on registers full of independent chains,
    each thread the same; two operations a multiply-add. (400,000 steps take about 20 ms.)

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    threads : int
    """
    cdef const acy_kernels *table = kernels_in(kernels)
    cdef int n_threads = threads_for(threads)
    cdef Py_ssize_t _thread
    cdef float sink = 0
    fastest_s = float("inf")
    for _ in range(repeats):
        started = perf_counter()
        for _thread in prange(
            n_threads, nogil=True, num_threads=n_threads, schedule="static", chunksize=1
        ):
            sink += table.multiply_add(steps)
        fastest_s = min(fastest_s, perf_counter() - started)
    if sink != sink:
        raise ArithmeticError("multiply_add gave NaN")
    return 2e-9 * table.fma_floats * steps * n_threads / fastest_s


def read_gbytes_per_s(kernels, Py_ssize_t threads, Py_ssize_t megabytes=256, int repeats=5):
    """Measure how fast the threads read memory together, in GB/s.

    The best of `repeats` passes over `megabytes` of memory, more than any cache holds, on huge
    pages where there are any; each thread reads a contiguous part.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    threads : int
    """
    cdef const acy_kernels *table = kernels_in(kernels)
    cdef int n_threads = threads_for(threads)
    # Whole kilobytes a thread: `read_all` takes multiples of 128 floats.
    cdef Py_ssize_t thread, part = megabytes * 1000 // n_threads // 4 * 1024
    memory = np.frombuffer(AlignedMemory(4 * part * n_threads), np.float32)
    memory[:] = 1.0
    cdef float[::1] data = memory
    cdef float sink = 0
    fastest_s = float("inf")
    for _ in range(repeats):
        started = perf_counter()
        for thread in prange(
            n_threads, nogil=True, num_threads=n_threads, schedule="static", chunksize=1
        ):
            sink += table.read_all(&data[thread * part], part)
        fastest_s = min(fastest_s, perf_counter() - started)
    if sink != sink:
        raise ArithmeticError("read_all gave NaN")
    return 4e-9 * part * n_threads / fastest_s
