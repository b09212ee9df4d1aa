"""Kernels that write NHWC images row by row, each row on one thread."""
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid

from kernels cimport kernels_in

from alexnet_cy.kernels._bound cimport Bound
from alexnet_cy.kernels._pieces cimport POWER_WORK, tasks_at_a_time
from alexnet_cy.kernels._runtime cimport AlignedMemory, give_back, take_scratch, threads_for


cdef class RowByRow(Bound):
    """The base of kernels whose rows need nothing of one another: only `compute_row` differs."""

    cdef int set_rows(
        self, kernels, float[:, :, :, :] written, Py_ssize_t scratch_floats
    ) except -1:
        """Take the kernels, the rows of what is written, and the scratch of one thread."""
        self.kernels = kernels_in(kernels)
        self.rows_an_image = written.shape[1]
        self.n_rows = written.shape[0] * written.shape[1]
        if written.shape[2] * written.shape[3] == 0:
            self.n_rows = 0
        self.scratch_floats = scratch_floats
        self.work = <double> POWER_WORK * self.n_rows * written.shape[2] * written.shape[3]
        return 0

    cdef void compute_row(self, Py_ssize_t n, Py_ssize_t row, float *scratch) noexcept nogil:
        """Compute row `row` of image n; `scratch` has `scratch_floats` floats, or is NULL."""

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t row, n_rows = self.n_rows, a_thread = self.scratch_floats
        if n_rows == 0:
            return 0
        cdef int n_threads = threads_for(min(threads, n_rows))
        cdef AlignedMemory memory = None
        cdef float *scratch = NULL
        if a_thread:
            memory = take_scratch(4 * n_threads * a_thread)
            scratch = <float *> memory.memory
        cdef Py_ssize_t first, last, piece = tasks_at_a_time(n_rows, self.work)
        for first in range(0, n_rows, piece):
            last = min(first + piece, n_rows)
            for row in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
                self.compute_row(
                    row // self.rows_an_image, row % self.rows_an_image,
                    scratch + threadid() * a_thread if a_thread else NULL,
                )
            PyErr_CheckSignals()
        if a_thread:
            give_back(memory)
        return 0
