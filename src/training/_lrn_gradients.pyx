"""The way back through local response normalisation, alone and with the max pooling behind it."""
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.stdint cimport uint8_t

from kernels cimport acy_image, acy_kernels, acy_norm, acy_pool_window, kernels_in
from nhwc_images cimport check_images, check_same_shape, image_of, pool_window
from norms cimport check_apart, make_norm, make_norm_within, row_floats_of, scratch_floats_of
from pool_winners cimport check_winners, winners_of
from training_kernels cimport acy_training_of

from alexnet_cy.kernels._bound cimport Bound
from alexnet_cy.kernels._pieces cimport POWER_WORK, tasks_at_a_time
from alexnet_cy.kernels._rows cimport RowByRow
from alexnet_cy.kernels._runtime cimport AlignedMemory, give_back, take_scratch, threads_for


cdef class NormGradient(RowByRow):
    """dx of `_lrn.LocalResponseNorm`, from its input x and dy; bound to its arrays.

    dx_c = dy_c s_c^-beta - 2 (alpha / size) beta x_c * sum of dy_j x_j s_j^(-beta - 1) over the j
    whose window holds c.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x, dy, dx : float32, shape (N, H, W, C), channels contiguous; dx may be dy
    size : int, at least 1
    alpha, beta, k : float
    relu : bool
        Whether dx is 0 where x is not above 0.

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """

    cdef float[:, :, :, :] x, dy, dx
    cdef acy_norm norm
    cdef bint relu

    def __cinit__(
        self, kernels, float[:, :, :, :] x, float[:, :, :, :] dy, float[:, :, :, :] dx,
        Py_ssize_t size, double alpha, double beta, double k, bint relu
    ):
        check_same_shape(x, dy, "x, dy")
        check_same_shape(x, dx, "x, dx")
        self.x = x
        self.dy = dy
        self.dx = dx
        self.norm = make_norm(size, alpha, beta, k, x.shape[3])
        self.relu = relu
        cdef Py_ssize_t scratch_floats = 3 * scratch_floats_of(
            kernels_in(kernels), &self.norm, x.shape[3]
        )
        self.set_rows(kernels, x, scratch_floats)

    cdef void compute_row(self, Py_ssize_t n, Py_ssize_t h, float *scratch) noexcept nogil:
        cdef acy_image x = image_of(self.x, n), dy = image_of(self.dy, n)
        cdef acy_image dx = image_of(self.dx, n)
        acy_training_of(self.kernels).norm_gradient(
            &x, &dy, &dx, &self.norm, self.relu, h, h + 1, scratch
        )


cdef class NormWithinGradient(Bound):
    """dx of a `_lrn.LocalResponseNorm` within channels, from its input x and dy; bound to arrays.

    dx = dy s^-beta - 2 (alpha / size^2) beta x * sum of dy x s^(-beta - 1) over the window of x's
    pixel. Threads that share an image both compute the terms where their rows meet.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x, dy, dx : float32, shape (N, H, W, C), channels contiguous; dx is neither x nor dy
    size : int, odd
    alpha, beta, k : float
    relu : bool
        Whether dx is 0 where x is not above 0.

    Raises
    ------
    ValueError
        The arrays do not fit each other, or `size` is even.
    """

    cdef const acy_kernels *kernels
    cdef float[:, :, :, :] x, dy, dx
    cdef acy_norm norm
    cdef bint relu

    def __cinit__(
        self, kernels, float[:, :, :, :] x, float[:, :, :, :] dy, float[:, :, :, :] dx,
        Py_ssize_t size, double alpha, double beta, double k, bint relu
    ):
        check_same_shape(x, dy, "x, dy")
        check_same_shape(x, dx, "x, dx")
        check_apart(x, dx, "x, dx")
        check_apart(dy, dx, "dy, dx")
        self.kernels = kernels_in(kernels)
        self.x = x
        self.dy = dy
        self.dx = dx
        self.norm = make_norm_within(size, alpha, beta, k, x.shape[1], x.shape[2])
        self.relu = relu

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t N = self.x.shape[0], H = self.x.shape[1]
        if N * H * self.x.shape[2] * self.x.shape[3] == 0:
            return 0
        # Parts of images for every thread, if there are not images enough, or they are large.
        cdef double work = POWER_WORK * <double> H * self.x.shape[2] * self.x.shape[3]
        cdef Py_ssize_t rows_of_piece = tasks_at_a_time(H, work)
        cdef Py_ssize_t n_parts = max(
            min(threads, H) if N % threads else 1, (H + rows_of_piece - 1) // rows_of_piece
        )
        cdef Py_ssize_t task, n_tasks = N * n_parts
        cdef int n_threads = threads_for(min(threads, n_tasks))
        cdef Py_ssize_t rows = 1 + 2 * min(self.norm.size, H)
        cdef Py_ssize_t scratch_floats = (rows * row_floats_of(self.kernels, self.x) + 31) // 16 * 16
        cdef AlignedMemory memory = take_scratch(4 * n_threads * scratch_floats)
        cdef float *scratch = <float *> memory.memory
        cdef Py_ssize_t first, last, piece = tasks_at_a_time(n_tasks, N * work)
        for first in range(0, n_tasks, piece):
            last = min(first + piece, n_tasks)
            for task in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
                self.compute_part(
                    task // n_parts, task % n_parts, n_parts, scratch + threadid() * scratch_floats
                )
            PyErr_CheckSignals()
        give_back(memory)
        return 0

    cdef void compute_part(
        self, Py_ssize_t n, Py_ssize_t part, Py_ssize_t n_parts, float *scratch
    ) noexcept nogil:
        """One of `n_parts` ranges of rows of one image."""
        cdef acy_image x = image_of(self.x, n), dy = image_of(self.dy, n)
        cdef acy_image dx = image_of(self.dx, n)
        cdef Py_ssize_t rows = self.x.shape[1]
        acy_training_of(self.kernels).norm_within_gradient(
            &x, &dy, &dx, &self.norm, self.relu, part * rows // n_parts,
            (part + 1) * rows // n_parts, scratch,
        )


cdef class NormAndPoolWinners(Bound):
    """`_lrn.NormAndPool`, with its bits, that keeps which place of its window won.

    Bound to its arrays.

    Parameters
    ----------
    kernels, x, y, norm, kernel_size, stride, padding
        As for `_lrn.NormAndPool`.
    winners : uint8, shape (N, P, Q, C), C-contiguous
        As for `_pool_gradients.MaxPoolWinners`.

    Raises
    ------
    ValueError
        The arrays do not fit each other, or the window is too large.
    """

    cdef const acy_kernels *kernels
    cdef float[:, :, :, :] x, y
    cdef uint8_t[:, :, :, ::1] winners
    cdef acy_norm norm
    cdef acy_pool_window window

    def __cinit__(
        self, kernels, float[:, :, :, :] x, float[:, :, :, :] y, uint8_t[:, :, :, ::1] winners,
        tuple norm, tuple kernel_size, tuple stride, tuple padding
    ):
        check_images(x, y)
        self.window = pool_window(kernel_size, stride, padding)
        check_winners(winners, y, &self.window)
        self.kernels = kernels_in(kernels)
        self.x = x
        self.y = y
        self.winners = winners
        self.norm = make_norm(norm[0], norm[1], norm[2], norm[3], x.shape[3])

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t N = self.y.shape[0], P = self.y.shape[1]
        cdef Py_ssize_t row_floats = self.x.shape[2] * self.x.shape[3]
        if N * P * self.y.shape[2] * self.y.shape[3] == 0:
            return 0
        # Parts of images for every thread, if there are not images enough.
        cdef Py_ssize_t n_parts = min(threads, P) if N % threads else 1
        cdef Py_ssize_t task, n_tasks = N * n_parts
        cdef int n_threads = threads_for(min(threads, n_tasks))
        cdef Py_ssize_t scratch_floats = scratch_floats_of(
            self.kernels, &self.norm, self.x.shape[3]
        ) + (self.window.kernel_h * row_floats + 15) // 16 * 16
        cdef AlignedMemory memory = take_scratch(4 * n_threads * scratch_floats)
        cdef float *scratch = <float *> memory.memory
        cdef Py_ssize_t first, last, piece = tasks_at_a_time(
            n_tasks, <double> POWER_WORK * N * self.x.shape[1] * row_floats
        )
        for first in range(0, n_tasks, piece):
            last = min(first + piece, n_tasks)
            for task in prange(
                first, last, nogil=True, num_threads=n_threads, schedule="static"
            ):
                self.pool_part(
                    task // n_parts, task % n_parts, n_parts, scratch + threadid() * scratch_floats
                )
            PyErr_CheckSignals()
        give_back(memory)
        return 0

    cdef void pool_part(
        self, Py_ssize_t n, Py_ssize_t part, Py_ssize_t n_parts, float *scratch
    ) noexcept nogil:
        """One of `n_parts` ranges of output rows of one image."""
        cdef acy_image image = image_of(self.x, n), pooled = image_of(self.y, n)
        cdef Py_ssize_t rows = self.y.shape[1]
        acy_training_of(self.kernels).norm_and_pool_winners(
            &image, &pooled, winners_of(self.winners, n), &self.norm, &self.window,
            part * rows // n_parts, (part + 1) * rows // n_parts, scratch,
        )


cdef class NormAndPoolGradient(RowByRow):
    """The way back through a max pooling and the normalisation before it, in one pass.

    Bound to its arrays; the bits of `_pool_gradients.MaxPoolGradient`, then `NormGradient`.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x : float32, shape (N, H, W, C), channels contiguous
        The input of the normalisation.
    dy : float32, shape (N, P, Q, C), channels contiguous
    winners : uint8, shape (N, P, Q, C), C-contiguous
    dx : float32, shape (N, H, W, C), channels contiguous
    norm : (size, alpha, beta, k)
    kernel_size, stride : (height, width)
    padding : (top, left)
    relu : bool
        Whether dx is 0 where x is not above 0.

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """

    cdef float[:, :, :, :] x, dy, dx
    cdef uint8_t[:, :, :, ::1] winners
    cdef acy_norm norm
    cdef acy_pool_window window
    cdef bint relu

    def __cinit__(
        self, kernels, float[:, :, :, :] x, float[:, :, :, :] dy, uint8_t[:, :, :, ::1] winners,
        float[:, :, :, :] dx, tuple norm, tuple kernel_size, tuple stride, tuple padding, bint relu
    ):
        check_same_shape(x, dx, "x, dx")
        check_images(x, dy)
        self.window = pool_window(kernel_size, stride, padding)
        check_winners(winners, dy, &self.window)
        self.x = x
        self.dy = dy
        self.winners = winners
        self.dx = dx
        self.norm = make_norm(norm[0], norm[1], norm[2], norm[3], x.shape[3])
        self.relu = relu
        cdef Py_ssize_t scratch_floats = 3 * scratch_floats_of(
            kernels_in(kernels), &self.norm, x.shape[3]
        ) + (x.shape[2] * x.shape[3] + 15) // 16 * 16
        self.set_rows(kernels, x, scratch_floats)

    cdef void compute_row(self, Py_ssize_t n, Py_ssize_t h, float *scratch) noexcept nogil:
        cdef acy_image x = image_of(self.x, n), dy = image_of(self.dy, n)
        cdef acy_image dx = image_of(self.dx, n)
        acy_training_of(self.kernels).norm_and_pool_gradient(
            &x, &dy, winners_of(self.winners, n), &dx, &self.norm, &self.window, self.relu, h,
            h + 1, scratch,
        )
