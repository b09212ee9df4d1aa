"""Long work cut into pieces, between which Python's signal handlers run: Ctrl-C ends it there."""

# A piece has so many multiply-adds, or what takes as long. They take a tenth of a second at 20
# billion in a second, which a core with AVX2 does; a plain one may need five times as long. Eight
# images of conv2, the most that AlexNet computes in one call, are just one piece.
cdef double longest = 2.0**31


cdef Py_ssize_t tasks_at_a_time(Py_ssize_t n_tasks, double work) noexcept nogil:
    """Return how many of equal tasks make a piece, where all have `work` multiply-adds."""
    if work <= longest:
        return max(n_tasks, 1)
    return max(<Py_ssize_t> (n_tasks * (longest / work)), 1)


def set_longest(double work):
    """Make pieces of other sizes, so that tests need not compute for seconds.

    Parameters
    ----------
    work : float
        Multiply-adds of a piece, at most.

    Returns
    -------
    float
        As many as it had before.
    """
    global longest
    before = longest
    longest = work
    return before
