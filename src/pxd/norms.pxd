# What local response normalisation is described by, forward and backward.
from kernels cimport acy_kernels, acy_norm


cdef inline acy_norm make_norm(
    Py_ssize_t size, double alpha, double beta, double k, Py_ssize_t channels
) noexcept:
    cdef acy_norm norm
    # A wider window than this sees all channels from each of them, and nothing but zeros beside.
    norm.size = min(size, 2 * channels + 1)
    norm.alpha = <float> (alpha / size)
    norm.beta = <float> beta
    norm.k = <float> k
    return norm


cdef inline Py_ssize_t scratch_floats_of(
    const acy_kernels *kernels, const acy_norm *norm, Py_ssize_t channels
) noexcept:
    """What normalising a row takes, and one cache line between the scratch of two threads."""
    return (channels + norm.size + 2 * kernels.lanes + 31) // 16 * 16
