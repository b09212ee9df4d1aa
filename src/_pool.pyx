"""Max pooling and adaptive average pooling of NHWC images."""
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython.parallel cimport prange

from kernels cimport acy_image, acy_kernels, acy_pool_window, capsule_name, image_of

from alexnet_cy._runtime import threads_for


cdef void check(float[:, :, :, :] x, float[:, :, :, :] y) except *:
    if x.shape[0] != y.shape[0] or x.shape[3] != y.shape[3]:
        raise ValueError("x, y: images or channels differ")
    if x.strides[3] != sizeof(float) or y.strides[3] != sizeof(float):
        raise ValueError("x, y: channels must be contiguous")


cdef void max_pool_row(
    const acy_kernels *kernels, float[:, :, :, :] x, float[:, :, :, :] y,
    const acy_pool_window *window, Py_ssize_t row
) noexcept nogil:
    """Output row `row` of the flattened (N, P)."""
    cdef Py_ssize_t n = row // y.shape[1], p = row % y.shape[1]
    cdef acy_image image = image_of(x, n), pooled = image_of(y, n)
    kernels.max_pool(&image, &pooled, window, p, p + 1)


def max_pool2d(
    kernels, float[:, :, :, :] x, float[:, :, :, :] y, tuple kernel_size, tuple stride,
    tuple padding, Py_ssize_t threads
):
    """Write y[n, p, q, c] = max of x[n, h, w, c] over the window of (p, q), clipped to the image.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x : float32, shape (N, H, W, C), channels contiguous
    y : float32, shape (N, P, Q, C), channels contiguous; every window meets the image
    kernel_size, stride : (height, width)
    padding : (top, left)
    threads : int
    """
    cdef const acy_kernels *table = <const acy_kernels *> PyCapsule_GetPointer(
        kernels, capsule_name()
    )
    cdef acy_pool_window window
    window.kernel_h, window.kernel_w = kernel_size
    window.stride_h, window.stride_w = stride
    window.padding_top, window.padding_left = padding
    check(x, y)
    cdef Py_ssize_t row, n_rows = y.shape[0] * y.shape[1]
    if n_rows * y.shape[2] * y.shape[3] == 0:
        return
    cdef int n_threads = threads_for(min(threads, n_rows))
    for row in prange(n_rows, nogil=True, num_threads=n_threads, schedule="static"):
        max_pool_row(table, x, y, &window, row)


cdef void adaptive_avg_pool_row(
    const acy_kernels *kernels, float[:, :, :, :] x, float[:, :, :, :] y, Py_ssize_t row
) noexcept nogil:
    cdef Py_ssize_t n = row // y.shape[1], p = row % y.shape[1]
    cdef acy_image image = image_of(x, n), pooled = image_of(y, n)
    kernels.adaptive_avg_pool(&image, &pooled, p, p + 1)


def adaptive_avg_pool2d(
    kernels, float[:, :, :, :] x, float[:, :, :, :] y, Py_ssize_t threads
):
    """Write y[n, p, q, c] = mean of x[n, h, w, c] over the P x Q parts of the image.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    x : float32, shape (N, H, W, C), channels contiguous, H and W at least 1
    y : float32, shape (N, P, Q, C), channels contiguous
    threads : int
    """
    cdef const acy_kernels *table = <const acy_kernels *> PyCapsule_GetPointer(
        kernels, capsule_name()
    )
    check(x, y)
    cdef Py_ssize_t row, n_rows = y.shape[0] * y.shape[1]
    if n_rows * y.shape[2] * y.shape[3] == 0:
        return
    if x.shape[1] == 0 or x.shape[2] == 0:
        raise ValueError("x: the image is empty")
    cdef int n_threads = threads_for(min(threads, n_rows))
    for row in prange(n_rows, nogil=True, num_threads=n_threads, schedule="static"):
        adaptive_avg_pool_row(table, x, y, row)
