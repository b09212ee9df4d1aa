"""Max pooling that keeps its winners, and the ways back through pooling and ReLU."""
from libc.stdint cimport uint8_t

from kernels cimport acy_image, acy_pool_window
from nhwc_images cimport check_images, check_same_shape, image_of, pool_window
from pool_winners cimport check_winners, winners_of
from training_kernels cimport acy_training_of

from alexnet_cy.kernels._rows cimport RowByRow


cdef class MaxPoolWinners(RowByRow):
    """`_pool.MaxPool2d`, with its bits, that keeps which place of its window won.

    Bound to its arrays.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x : float32, shape (N, H, W, C), channels contiguous
    y : float32, shape (N, P, Q, C), channels contiguous; every window meets the image
    winners : uint8, shape (N, P, Q, C), C-contiguous
        dh * kernel_w + dw of the first maximum in row-major order, of NaN the first.
    kernel_size, stride : (height, width)
        At most 256 places a window.
    padding : (top, left)

    Raises
    ------
    ValueError
        The arrays do not fit each other, or the window is too large.
    """

    cdef float[:, :, :, :] x, y
    cdef uint8_t[:, :, :, ::1] winners
    cdef acy_pool_window window

    def __cinit__(
        self, kernels, float[:, :, :, :] x, float[:, :, :, :] y, uint8_t[:, :, :, ::1] winners,
        tuple kernel_size, tuple stride, tuple padding
    ):
        check_images(x, y)
        self.window = pool_window(kernel_size, stride, padding)
        check_winners(winners, y, &self.window)
        self.set_rows(kernels, y, 0)
        self.x = x
        self.y = y
        self.winners = winners

    cdef void compute_row(self, Py_ssize_t n, Py_ssize_t p, float *scratch) noexcept nogil:
        cdef acy_image image = image_of(self.x, n), pooled = image_of(self.y, n)
        acy_training_of(self.kernels).max_pool_winners(
            &image, &pooled, winners_of(self.winners, n), &self.window, p, p + 1
        )


cdef class MaxPoolGradient(RowByRow):
    """dx[n, h, w, c] = sum of dy[n, p, q, c] over the windows that (h, w) won, where mask > 0.

    Bound to its arrays; p and q ascending.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    dy : float32, shape (N, P, Q, C), channels contiguous
    winners : uint8, shape (N, P, Q, C), C-contiguous
        Those of `MaxPoolWinners`.
    dx : float32, shape (N, H, W, C), channels contiguous
    kernel_size, stride : (height, width)
    padding : (top, left)
    mask : float32, shape (N, H, W, C), channels contiguous, or None
        dx is 0 where it is not above 0: the output of the ReLU before the pooling.

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """

    cdef float[:, :, :, :] dy, dx, mask
    cdef uint8_t[:, :, :, ::1] winners
    cdef acy_pool_window window
    cdef bint masked

    def __cinit__(
        self, kernels, float[:, :, :, :] dy, uint8_t[:, :, :, ::1] winners,
        float[:, :, :, :] dx, tuple kernel_size, tuple stride, tuple padding,
        float[:, :, :, :] mask
    ):
        check_images(dx, dy)
        self.window = pool_window(kernel_size, stride, padding)
        check_winners(winners, dy, &self.window)
        if mask is not None:
            check_same_shape(mask, dx, "mask, dx")
        self.set_rows(kernels, dx, 0)
        self.dy = dy
        self.winners = winners
        self.dx = dx
        self.mask = mask
        self.masked = mask is not None

    cdef void compute_row(self, Py_ssize_t n, Py_ssize_t h, float *scratch) noexcept nogil:
        cdef acy_image dy = image_of(self.dy, n), dx = image_of(self.dx, n), mask
        if self.masked:
            mask = image_of(self.mask, n)
        acy_training_of(self.kernels).max_pool_gradient(
            &dy, winners_of(self.winners, n), &dx, &mask if self.masked else NULL, &self.window,
            h, h + 1,
        )


cdef class AdaptiveAvgPoolGradient(RowByRow):
    """dx[n, h, w, c] = sum of dy[n, p, q, c] / area of (p, q) over the parts that hold (h, w).

    Bound to its arrays.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    dy : float32, shape (N, P, Q, C), channels contiguous
    dx : float32, shape (N, H, W, C), channels contiguous

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """

    cdef float[:, :, :, :] dy, dx

    def __cinit__(self, kernels, float[:, :, :, :] dy, float[:, :, :, :] dx):
        check_images(dx, dy)
        self.set_rows(kernels, dx, 0)
        self.dy = dy
        self.dx = dx

    cdef void compute_row(self, Py_ssize_t n, Py_ssize_t h, float *scratch) noexcept nogil:
        cdef acy_image dy = image_of(self.dy, n), dx = image_of(self.dx, n)
        acy_training_of(self.kernels).adaptive_avg_pool_gradient(&dy, &dx, h, h + 1)


cdef class ReluGradient(RowByRow):
    """dx = scale * dy where y > 0, else 0, bound to its arrays.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    y : float32, shape (N, H, W, C), channels contiguous
        The output of the ReLU. Vectors are (N, 1, 1, F).
    dy, dx : float32, of the same shape, channels contiguous; dx may be dy
    scale : float

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """

    cdef float[:, :, :, :] y, dy, dx
    cdef float scale

    def __cinit__(
        self, kernels, float[:, :, :, :] y, float[:, :, :, :] dy, float[:, :, :, :] dx,
        double scale
    ):
        check_same_shape(y, dy, "y, dy")
        check_same_shape(dx, dy, "dx, dy")
        self.set_rows(kernels, dx, 0)
        self.y = y
        self.dy = dy
        self.dx = dx
        self.scale = <float> scale

    cdef void compute_row(self, Py_ssize_t n, Py_ssize_t h, float *scratch) noexcept nogil:
        cdef acy_image y = image_of(self.y, n), dy = image_of(self.dy, n)
        cdef acy_image dx = image_of(self.dx, n)
        acy_training_of(self.kernels).relu_gradient(&y, &dy, &dx, self.scale, h, h + 1)
