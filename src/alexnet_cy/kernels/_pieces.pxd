cdef enum:
    # What one number takes, in multiply-adds, where memory is slowest: to be copied into new pages
    # in another order; to be normalised, which takes a power; to be compared in a window.
    COPY_WORK = 64
    POWER_WORK = 64
    COMPARE_WORK = 16


cdef Py_ssize_t tasks_at_a_time(Py_ssize_t n_tasks, double work) noexcept nogil
