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


cdef inline acy_norm make_norm_within(
    Py_ssize_t size, double alpha, double beta, double k, Py_ssize_t height, Py_ssize_t width
) except *:
    """Describe the norm of size x size pixels of one channel."""
    cdef acy_norm norm
    if size % 2 == 0:
        raise ValueError(f"size: need an odd number of pixels within a channel, got {size}")
    norm.size = min(size, 2 * max(height, width) + 1)  # as above
    norm.alpha = <float> (alpha / (<double> size * <double> size))
    norm.beta = <float> beta
    norm.k = <float> k
    return norm


cdef inline Py_ssize_t row_floats_of(const acy_kernels *kernels, float[:, :, :, :] x) noexcept:
    """The floats of a row of images (N, H, W, C), each pixel in whole vectors."""
    return x.shape[2] * ((x.shape[3] + kernels.lanes - 1) // kernels.lanes * kernels.lanes)


cdef inline int check_apart(float[:, :, :, :] x, float[:, :, :, :] y, str names) except -1:
    """Refuse one array for two, where rows that have been written would be read again."""
    if x.shape[0] * x.shape[1] * x.shape[2] * x.shape[3] and &x[0, 0, 0, 0] == &y[0, 0, 0, 0]:
        raise ValueError(f"{names}: within a channel they cannot be the same array")
    return 0


cdef inline Py_ssize_t scratch_floats_of(
    const acy_kernels *kernels, const acy_norm *norm, Py_ssize_t channels
) noexcept:
    """What normalising a row takes, and one cache line between the scratch of two threads."""
    return (channels + norm.size + 2 * kernels.lanes + 31) // 16 * 16
