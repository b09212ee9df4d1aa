"""Max pooling and adaptive average pooling of NHWC images."""
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange

from kernels cimport acy_image, acy_kernels, acy_pool_window, kernels_in
from nhwc_images cimport check_images, image_of, pool_window

from alexnet_cy.kernels._bound cimport Bound
from alexnet_cy.kernels._pieces cimport COMPARE_WORK, COPY_WORK, tasks_at_a_time
from alexnet_cy.kernels._runtime cimport threads_for


cdef void max_pool_row(
    const acy_kernels *kernels, float[:, :, :, :] x, float[:, :, :, :] y,
    const acy_pool_window *window, Py_ssize_t row
) noexcept nogil:
    """Output row `row` of the flattened (N, P)."""
    cdef Py_ssize_t n = row // y.shape[1], p = row % y.shape[1]
    cdef acy_image image = image_of(x, n), pooled = image_of(y, n)
    kernels.max_pool(&image, &pooled, window, p, p + 1)


cdef class MaxPool2d(Bound):
    """y[n, p, q, c] = max of x[n, h, w, c] over the window of (p, q), clipped to the image.

    Bound to its arrays.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x : float32, shape (N, H, W, C), channels contiguous
    y : float32, shape (N, P, Q, C), channels contiguous; every window meets the image
    kernel_size, stride : (height, width)
    padding : (top, left)

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """

    cdef const acy_kernels *kernels
    cdef float[:, :, :, :] x, y
    cdef acy_pool_window window

    def __cinit__(
        self, kernels, float[:, :, :, :] x, float[:, :, :, :] y, tuple kernel_size, tuple stride,
        tuple padding
    ):
        check_images(x, y)
        self.kernels = kernels_in(kernels)
        self.x = x
        self.y = y
        self.window = pool_window(kernel_size, stride, padding)

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t row, n_rows = self.y.shape[0] * self.y.shape[1]
        if n_rows * self.y.shape[2] * self.y.shape[3] == 0:
            return 0
        cdef int n_threads = threads_for(min(threads, n_rows))
        cdef double work = (
            COMPARE_WORK * <double> n_rows * self.y.shape[2] * self.y.shape[3]
            * self.window.kernel_h * self.window.kernel_w
        )
        cdef Py_ssize_t first, last, piece = tasks_at_a_time(n_rows, work)
        for first in range(0, n_rows, piece):
            last = min(first + piece, n_rows)
            for row in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
                max_pool_row(self.kernels, self.x, self.y, &self.window, row)
            PyErr_CheckSignals()
        return 0


cdef void adaptive_avg_pool_row(
    const acy_kernels *kernels, float[:, :, :, :] x, float[:, :, :, :] y, Py_ssize_t row
) noexcept nogil:
    cdef Py_ssize_t n = row // y.shape[1], p = row % y.shape[1]
    cdef acy_image image = image_of(x, n), pooled = image_of(y, n)
    kernels.adaptive_avg_pool(&image, &pooled, p, p + 1)


cdef class AdaptiveAvgPool2d(Bound):
    """y[n, p, q, c] = mean of x[n, h, w, c] over the P x Q parts of the image, bound to its arrays.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x : float32, shape (N, H, W, C), channels contiguous, H and W at least 1
    y : float32, shape (N, P, Q, C), channels contiguous

    Raises
    ------
    ValueError
        The arrays do not fit each other, or x has no pixels and y has.
    """

    cdef const acy_kernels *kernels
    cdef float[:, :, :, :] x, y

    def __cinit__(self, kernels, float[:, :, :, :] x, float[:, :, :, :] y):
        check_images(x, y)
        if y.shape[0] * y.shape[1] * y.shape[2] * y.shape[3] and x.shape[1] * x.shape[2] == 0:
            raise ValueError("x: the image is empty")
        self.kernels = kernels_in(kernels)
        self.x = x
        self.y = y

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t row, n_rows = self.y.shape[0] * self.y.shape[1]
        if n_rows * self.y.shape[2] * self.y.shape[3] == 0:
            return 0
        cdef int n_threads = threads_for(min(threads, n_rows))
        cdef double work = (
            COPY_WORK * <double> self.x.shape[0] * self.x.shape[1] * self.x.shape[2]
            * self.x.shape[3]
        )
        cdef Py_ssize_t first, last, piece = tasks_at_a_time(n_rows, work)
        for first in range(0, n_rows, piece):
            last = min(first + piece, n_rows)
            for row in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
                adaptive_avg_pool_row(self.kernels, self.x, self.y, row)
            PyErr_CheckSignals()
        return 0
