"""Kernels bound to the arrays that they read and write: checked once, run often, many in one call.

When 234 MB of weights have just gone through the caches, everything that Python touches between two
steps comes from memory: arguments, views, the interpreter itself. With a function called for every
step, that was a tenth of a pass of one image.
"""
from cpython.exc cimport PyErr_CheckSignals


cdef class Bound:
    """A kernel and its arrays: the abstract base of the extensions' classes."""

    cdef int compute(self, Py_ssize_t threads) except -1:
        """Compute, on at most so many threads; every kernel has its own."""
        raise NotImplementedError(f"{type(self).__name__}: a kernel has to say what it computes")

    def run(self, Py_ssize_t threads):
        """Compute, on at most so many threads."""
        self.compute(threads)


cdef class BoundLate(Bound):
    """A kernel that is bound when it first runs, to weights that are packed only then.

    Parameters
    ----------
    bind : callable
        Called with the number of threads. It returns a `Bound`, which is kept and run; or it
        computes in another way itself, and returns None.
    """

    cdef object bind
    cdef Bound bound

    def __cinit__(self, bind):
        self.bind = bind

    cdef int compute(self, Py_ssize_t threads) except -1:
        if self.bound is None:
            self.bound = self.bind(threads)
            if self.bound is None:
                return 0
        return self.bound.compute(threads)


def run_all(tuple kernels, Py_ssize_t threads):
    """Run kernels one after the other.

    Parameters
    ----------
    kernels : tuple of Bound
    threads : int
        So many at most for each of them.

    Raises
    ------
    TypeError
        One of them is no `Bound`.
    """
    cdef Bound kernel
    for kernel in kernels:
        if kernel is None:
            raise TypeError("kernels: need a Bound, got None")
        kernel.compute(threads)
        PyErr_CheckSignals()
