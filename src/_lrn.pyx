"""Local response normalisation of NHWC images, alone and with the max pooling that follows it."""
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid

from kernels cimport acy_image, acy_kernels, acy_norm, acy_pool_window, kernels_in
from nhwc_images cimport check_images, check_same_shape, image_of, pool_window
from norms cimport check_apart, make_norm, make_norm_within, row_floats_of, scratch_floats_of

from alexnet_cy.kernels._bound cimport Bound
from alexnet_cy.kernels._pieces cimport POWER_WORK, tasks_at_a_time
from alexnet_cy.kernels._runtime cimport AlignedMemory, give_back, take_scratch, threads_for


cdef void norm_row(
    const acy_kernels *kernels, float[:, :, :, :] x, float[:, :, :, :] y, const acy_norm *norm,
    bint within, Py_ssize_t row, float *scratch
) noexcept nogil:
    """Row `row` of the flattened (N, H)."""
    cdef Py_ssize_t n = row // x.shape[1], h = row % x.shape[1]
    cdef acy_image image = image_of(x, n), normed = image_of(y, n)
    if within:
        kernels.norm_within_channel(&image, &normed, norm, h, h + 1, scratch)
    else:
        kernels.local_response_norm(&image, &normed, norm, h, h + 1, scratch)


cdef class LocalResponseNorm(Bound):
    """y = x * (k + alpha / size * sum of the squares of `size` channels)^-beta, bound to arrays.

    Within a channel: alpha / size^2, and the squares of size x size pixels.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x, y : float32, shape (N, H, W, C), channels contiguous; y may be x, but not within a channel
    size : int, at least 1
        Odd within a channel.
    alpha, beta, k : float
    within_channel : bool

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """

    cdef const acy_kernels *kernels
    cdef float[:, :, :, :] x, y
    cdef acy_norm norm
    cdef bint within_channel
    cdef Py_ssize_t scratch_floats

    def __cinit__(
        self, kernels, float[:, :, :, :] x, float[:, :, :, :] y, Py_ssize_t size, double alpha,
        double beta, double k, bint within_channel=False
    ):
        check_same_shape(x, y, "x, y")
        self.kernels = kernels_in(kernels)
        self.x = x
        self.y = y
        self.within_channel = within_channel
        if within_channel:
            check_apart(x, y, "x, y")
            self.norm = make_norm_within(size, alpha, beta, k, x.shape[1], x.shape[2])
            self.scratch_floats = (row_floats_of(self.kernels, x) + 31) // 16 * 16
        else:
            self.norm = make_norm(size, alpha, beta, k, x.shape[3])
            self.scratch_floats = scratch_floats_of(self.kernels, &self.norm, x.shape[3])

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t row, n_rows = self.x.shape[0] * self.x.shape[1]
        if n_rows * self.x.shape[2] * self.x.shape[3] == 0:
            return 0
        cdef int n_threads = threads_for(min(threads, n_rows))
        cdef Py_ssize_t scratch_floats = self.scratch_floats
        cdef AlignedMemory memory = take_scratch(4 * n_threads * scratch_floats)
        cdef float *scratch = <float *> memory.memory
        cdef double work = POWER_WORK * <double> n_rows * self.x.shape[2] * self.x.shape[3]
        cdef Py_ssize_t first, last, piece = tasks_at_a_time(n_rows, work)
        for first in range(0, n_rows, piece):
            last = min(first + piece, n_rows)
            for row in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
                norm_row(
                    self.kernels, self.x, self.y, &self.norm, self.within_channel, row,
                    scratch + threadid() * scratch_floats,
                )
            PyErr_CheckSignals()
        give_back(memory)
        return 0


cdef void norm_and_pool_part(
    const acy_kernels *kernels, float[:, :, :, :] x, float[:, :, :, :] y, const acy_norm *norm,
    const acy_pool_window *window, Py_ssize_t task, Py_ssize_t n_parts, float *scratch
) noexcept nogil:
    """One of `n_parts` ranges of output rows of one image."""
    cdef Py_ssize_t n = task // n_parts, part = task % n_parts, rows = y.shape[1]
    cdef acy_image image = image_of(x, n), pooled = image_of(y, n)
    kernels.norm_and_pool(
        &image, &pooled, norm, window, part * rows // n_parts, (part + 1) * rows // n_parts, scratch
    )


cdef class NormAndPool(Bound):
    """The max pooling of the local response normalisation of x, which never stands whole.

    Bound to its arrays. The same bits as one after the other. Threads that share an image both
    normalise the rows where their parts meet.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x : float32, shape (N, H, W, C), channels contiguous
    y : float32, shape (N, P, Q, C), channels contiguous; every window meets the image
    norm : (size, alpha, beta, k)
        As for `LocalResponseNorm`.
    kernel_size, stride : (height, width)
    padding : (top, left)

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """

    cdef const acy_kernels *kernels
    cdef float[:, :, :, :] x, y
    cdef acy_norm norm
    cdef acy_pool_window window

    def __cinit__(
        self, kernels, float[:, :, :, :] x, float[:, :, :, :] y, tuple norm, tuple kernel_size,
        tuple stride, tuple padding
    ):
        check_images(x, y)
        self.kernels = kernels_in(kernels)
        self.x = x
        self.y = y
        self.norm = make_norm(norm[0], norm[1], norm[2], norm[3], x.shape[3])
        self.window = pool_window(kernel_size, stride, padding)

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t N = self.y.shape[0], P = self.y.shape[1]
        cdef Py_ssize_t row_floats = self.x.shape[2] * self.x.shape[3]
        if N * P * self.y.shape[2] * self.y.shape[3] == 0:
            return 0
        # Parts of images for every thread, if there are not images enough, or they are large.
        cdef double work = POWER_WORK * <double> self.x.shape[1] * row_floats
        cdef Py_ssize_t rows = tasks_at_a_time(P, work)
        cdef Py_ssize_t n_parts = max(min(threads, P) if N % threads else 1, (P + rows - 1) // rows)
        cdef Py_ssize_t task, n_tasks = N * n_parts
        cdef int n_threads = threads_for(min(threads, n_tasks))
        cdef Py_ssize_t scratch_floats = scratch_floats_of(
            self.kernels, &self.norm, self.x.shape[3]
        ) + (self.window.kernel_h * row_floats + 15) // 16 * 16
        cdef AlignedMemory memory = take_scratch(4 * n_threads * scratch_floats)
        cdef float *scratch = <float *> memory.memory
        cdef Py_ssize_t first, last, piece = tasks_at_a_time(n_tasks, N * work)
        for first in range(0, n_tasks, piece):
            last = min(first + piece, n_tasks)
            for task in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
                norm_and_pool_part(
                    self.kernels, self.x, self.y, &self.norm, &self.window, task, n_parts,
                    scratch + threadid() * scratch_floats,
                )
            PyErr_CheckSignals()
        give_back(memory)
        return 0
