# The winners of a max pooling: a byte an output.
from libc.stdint cimport uint8_t

from kernels cimport acy_pool_window


cdef inline int check_winners(
    const uint8_t[:, :, :, ::1] winners, const float[:, :, :, :] outputs,
    const acy_pool_window *window
) except -1:
    """Refuse winners that are not one an output, and windows whose places a byte cannot name."""
    cdef int axis
    for axis in range(4):
        if winners.shape[axis] != outputs.shape[axis]:
            raise ValueError("winners: shape is not that of the outputs")
    if window.kernel_h * window.kernel_w > 256:
        raise ValueError(
            f"kernel_size: {window.kernel_h} x {window.kernel_w} places, at most 256 are possible"
        )
    return 0


cdef inline uint8_t *winners_of(uint8_t[:, :, :, ::1] winners, Py_ssize_t n) noexcept nogil:
    """Return those of image n."""
    return &winners[n, 0, 0, 0]
