cdef class Bound:
    cdef int compute(self, Py_ssize_t threads) except -1
