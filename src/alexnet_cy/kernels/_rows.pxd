from kernels cimport acy_kernels

from alexnet_cy.kernels._bound cimport Bound


cdef class RowByRow(Bound):
    cdef const acy_kernels *kernels
    cdef Py_ssize_t n_rows, rows_an_image, scratch_floats
    cdef double work

    cdef int set_rows(
        self, kernels, float[:, :, :, :] written, Py_ssize_t scratch_floats
    ) except -1
    cdef void compute_row(self, Py_ssize_t n, Py_ssize_t row, float *scratch) noexcept nogil
