# Distances in memory that suit a cache.


cdef inline Py_ssize_t odd_lines(Py_ssize_t n_floats) noexcept nogil:
    """Round up to an odd number of cache lines: rows that far apart fill all sets of a cache."""
    return ((n_floats + 15) // 16 | 1) * 16
