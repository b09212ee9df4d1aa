# What the other modules take from _runtime as C functions: a call from Python, with everything it
# touches gone from the caches after 234 MB of weights, costs more than the work of a small layer.


cdef class AlignedMemory:
    cdef void *memory
    cdef readonly size_t nbytes


cpdef int threads_for(Py_ssize_t threads)
cdef int *depth_of_work() noexcept nogil
cpdef AlignedMemory take_scratch(size_t nbytes)
cpdef int give_back(AlignedMemory memory) except -1
