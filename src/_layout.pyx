"""Between the layout at the door, NCHW, and the layout inside, NHWC with physical padding."""
from cython.parallel cimport prange

from alexnet_cy._runtime import threads_for



def nchw_to_nhwc(const float[:, :, :, ::1] x, float[:, :, :, :] y, Py_ssize_t threads):
    """Write y[n, h, w, c] = x[n, c, h, w].

    Parameters
    ----------
    x : float32, shape (N, C, H, W), C-contiguous
    y : float32, shape (N, H, W, C), channels contiguous; pixels and rows may have gaps
    threads : int
    """
    cdef Py_ssize_t N = x.shape[0], C = x.shape[1], H = x.shape[2], W = x.shape[3]
    if y.shape[0] != N or y.shape[1] != H or y.shape[2] != W or y.shape[3] != C:
        raise ValueError("y: shape does not match x")
    if y.strides[3] != sizeof(float):
        raise ValueError("y: channels must be contiguous")
    cdef int n_threads = threads_for(min(threads, N * H))
    cdef Py_ssize_t row, n, h, w, c
    for row in prange(N * H, nogil=True, num_threads=n_threads, schedule="static"):
        n = row // H
        h = row % H
        for c in range(C):
            for w in range(W):
                y[n, h, w, c] = x[n, c, h, w]


def nhwc_to_nchw(float[:, :, :, :] x, float[:, :, :, ::1] y, Py_ssize_t threads):
    """Write y[n, c, h, w] = x[n, h, w, c]; the mirror image of `nchw_to_nhwc`."""
    cdef Py_ssize_t N = y.shape[0], C = y.shape[1], H = y.shape[2], W = y.shape[3]
    if x.shape[0] != N or x.shape[1] != H or x.shape[2] != W or x.shape[3] != C:
        raise ValueError("x: shape does not match y")
    if x.strides[3] != sizeof(float):
        raise ValueError("x: channels must be contiguous")
    cdef int n_threads = threads_for(min(threads, N * H))
    cdef Py_ssize_t row, n, h, w, c
    for row in prange(N * H, nogil=True, num_threads=n_threads, schedule="static"):
        n = row // H
        h = row % H
        for c in range(C):
            for w in range(W):
                y[n, c, h, w] = x[n, h, w, c]
