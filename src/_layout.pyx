"""Between the layout outside, NCHW, and the layout inside, NHWC with physical padding."""
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange
from libc.string cimport memset

from alexnet_cy.kernels._bound cimport Bound
from alexnet_cy.kernels._pieces cimport COPY_WORK, tasks_at_a_time
from alexnet_cy.kernels._runtime cimport threads_for


cdef class ClearPadding(Bound):
    """Zeros about NHWC images.

    Parameters
    ----------
    whole : float32, shape (N, H, W, C), C-contiguous, padding included
    padding : ((top, bottom), (left, right))

    Raises
    ------
    ValueError
        The padding is larger than the images, or negative.
    """

    cdef float[:, :, :, ::1] whole
    cdef Py_ssize_t top, bottom, left_bytes, right_bytes, row_bytes

    def __cinit__(self, float[:, :, :, ::1] whole, tuple padding):
        cdef Py_ssize_t left, right, pixel_bytes = whole.shape[3] * sizeof(float)
        self.top, self.bottom = padding[0]
        left, right = padding[1]
        if (
            min(self.top, self.bottom, left, right) < 0 or left + right > whole.shape[2]
            or self.top + self.bottom > whole.shape[1]
        ):
            raise ValueError(
                f"padding: {padding} does not fit into {whole.shape[1]} x {whole.shape[2]}"
            )
        self.whole = whole
        self.row_bytes = whole.shape[2] * pixel_bytes
        self.left_bytes = left * pixel_bytes
        self.right_bytes = right * pixel_bytes

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t row, n_rows = self.whole.shape[0] * self.whole.shape[1]
        if n_rows * self.row_bytes == 0:
            return 0
        cdef int n_threads = threads_for(min(threads, n_rows))
        cdef double work = <double> n_rows * self.row_bytes
        cdef Py_ssize_t first, last, piece = tasks_at_a_time(n_rows, work)
        for first in range(0, n_rows, piece):
            last = min(first + piece, n_rows)
            for row in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
                self.clear(row // self.whole.shape[1], row % self.whole.shape[1])
            PyErr_CheckSignals()
        return 0

    cdef void clear(self, Py_ssize_t n, Py_ssize_t h) noexcept nogil:
        """Clear what is padding in row h of image n."""
        cdef char *row = <char *> &self.whole[n, h, 0, 0]
        if h < self.top or h >= self.whole.shape[1] - self.bottom:
            memset(row, 0, self.row_bytes)
        else:
            memset(row, 0, self.left_bytes)
            memset(row + self.row_bytes - self.right_bytes, 0, self.right_bytes)


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
    cdef Py_ssize_t first, last, piece = tasks_at_a_time(N * H, COPY_WORK * <double> N * H * W * C)
    for first in range(0, N * H, piece):
        last = min(first + piece, N * H)
        for row in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
            n = row // H
            h = row % H
            for c in range(C):
                for w in range(W):
                    y[n, h, w, c] = x[n, c, h, w]
        PyErr_CheckSignals()


cdef class NhwcToNchw(Bound):
    """y[n, c, h, w] = x[n, h, w, c], bound to its arrays.

    Parameters
    ----------
    x : float32, shape (N, H, W, C), channels contiguous; pixels and rows may have gaps
    y : float32, shape (N, C, H, W), C-contiguous

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """

    cdef float[:, :, :, :] x
    cdef float[:, :, :, ::1] y

    def __cinit__(self, float[:, :, :, :] x, float[:, :, :, ::1] y):
        if (
            x.shape[0] != y.shape[0] or x.shape[1] != y.shape[2] or x.shape[2] != y.shape[3]
            or x.shape[3] != y.shape[1]
        ):
            raise ValueError("x: shape does not match y")
        if x.strides[3] != sizeof(float):
            raise ValueError("x: channels must be contiguous")
        self.x = x
        self.y = y

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t H = self.x.shape[1], row, n_rows = self.x.shape[0] * H
        cdef int n_threads = threads_for(min(threads, n_rows))
        cdef double work = COPY_WORK * <double> n_rows * self.x.shape[2] * self.x.shape[3]
        cdef Py_ssize_t first, last, piece = tasks_at_a_time(n_rows, work)
        for first in range(0, n_rows, piece):
            last = min(first + piece, n_rows)
            for row in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
                self.copy_row(row // H, row % H)
            PyErr_CheckSignals()
        return 0

    cdef void copy_row(self, Py_ssize_t n, Py_ssize_t h) noexcept nogil:
        cdef Py_ssize_t w, c
        for c in range(self.x.shape[3]):
            for w in range(self.x.shape[2]):
                self.y[n, c, h, w] = self.x[n, h, w, c]


cdef inline void interleave(
    const float *row, float *to, Py_ssize_t columns, Py_ssize_t channels, Py_ssize_t channel_stride
) noexcept nogil:
    """Write to[dx * channels + c] = row[c * channel_stride + dx] for some columns of a row."""
    cdef Py_ssize_t dx, c
    for dx in range(columns):
        for c in range(channels):
            to[dx * channels + c] = row[c * channel_stride + dx]


cdef void blocks_of_row(
    const float[:, :, :, ::1] x, float[:, :, :, ::1] y, Py_ssize_t n, Py_ssize_t i,
    Py_ssize_t block_h, Py_ssize_t block_w, Py_ssize_t top, Py_ssize_t left
) noexcept nogil:
    """Fill row i of blocks of image n: `block_h` rows of the padded image."""
    cdef Py_ssize_t C = x.shape[1], H = x.shape[2], W = x.shape[3]
    cdef Py_ssize_t dy, h, j, begin, end, channel_stride = H * W
    cdef const float *row
    cdef float *to
    for dy in range(block_h):
        h = i * block_h + dy - top
        row = &x[n, 0, h, 0] if 0 <= h < H else NULL
        for j in range(y.shape[2]):
            # Columns [begin, end) of the block lie inside the image; what is written is contiguous.
            begin = max(0, left - j * block_w)
            end = min(block_w, W + left - j * block_w) if row is not NULL else begin
            to = &y[n, i, j, dy * block_w * C]
            if end - begin < block_w:
                memset(to, 0, block_w * C * sizeof(float))
            if end - begin == 4 and C == 3:  # AlexNet's, with loops that the compiler unrolls
                interleave(row + j * block_w + begin - left, to + begin * 3, 4, 3, channel_stride)
            elif begin < end:
                interleave(
                    row + j * block_w + begin - left, to + begin * C, end - begin, C, channel_stride
                )


cdef void blocks_of_pixels(
    const unsigned char[:, :, :, ::1] x, const int *channels, const float *table,
    float[:, :, :, ::1] y, Py_ssize_t n, Py_ssize_t i, Py_ssize_t block_h, Py_ssize_t block_w,
    Py_ssize_t top, Py_ssize_t left
) noexcept nogil:
    """Fill row i of blocks of image n, as `blocks_of_row` does."""
    cdef Py_ssize_t H = x.shape[1], W = x.shape[2]
    cdef Py_ssize_t dy, h, j, dx, begin, end
    cdef const unsigned char *pixel
    cdef float *to
    cdef int first = channels[0], second = channels[1], third = channels[2]
    for dy in range(block_h):
        h = i * block_h + dy - top
        for j in range(y.shape[2]):
            begin = max(0, left - j * block_w)
            end = min(block_w, W + left - j * block_w) if 0 <= h < H else begin
            if end - begin < block_w:
                memset(&y[n, i, j, dy * block_w * 3], 0, block_w * 3 * sizeof(float))
            if begin >= end:
                continue
            pixel = &x[n, h, j * block_w + begin - left, 0]
            to = &y[n, i, j, (dy * block_w + begin) * 3]
            for dx in range(end - begin):
                to[3 * dx] = table[pixel[3 * dx + first]]
                to[3 * dx + 1] = table[256 + pixel[3 * dx + second]]
                to[3 * dx + 2] = table[512 + pixel[3 * dx + third]]


def pixels_to_depth(
    const unsigned char[:, :, :, ::1] x, tuple channels, const float[:, ::1] table,
    float[:, :, :, ::1] y, tuple block, tuple padding, Py_ssize_t threads
):
    """Do what `space_to_depth` does with images of bytes, looking every value up on the way.

    Write y[n, i, j, (dy * block_w + dx) * 3 + c] = table[c, x[n, h, w, channels[c]]] for
    h = i * block_h + dy - top and w = j * block_w + dx - left. What lies outside x is zero. A block
    of one pixel gives (N, H, W, C), with padding.

    Parameters
    ----------
    x : uint8, shape (N, H, W, 3), C-contiguous
    channels : (int, int, int), each from 0 to 2
    table : float32, shape (3, 256), C-contiguous
    y : float32, shape (N, rows of blocks, columns of blocks, block_h * block_w * 3), C-contiguous
    block : (block_h, block_w)
    padding : (top, left)
    threads : int
    """
    cdef Py_ssize_t block_h = block[0], block_w = block[1], top = padding[0], left = padding[1]
    cdef Py_ssize_t N = x.shape[0], rows = y.shape[1]
    if x.shape[3] != 3 or table.shape[0] != 3 or table.shape[1] != 256:
        raise ValueError("x, table: need shapes (N, H, W, 3) and (3, 256)")
    if len(channels) != 3 or not {0, 1, 2}.issuperset(channels):
        raise ValueError(f"channels: need three of 0, 1, 2, got {channels}")
    if y.shape[0] != N or y.shape[3] != block_h * block_w * 3:
        raise ValueError("y: shape does not match x")
    if N * rows * y.shape[2] * y.shape[3] == 0:
        return
    cdef int[3] places = [channels[0], channels[1], channels[2]]
    cdef int n_threads = threads_for(min(threads, N * rows))
    cdef double work = COPY_WORK * <double> N * rows * y.shape[2] * y.shape[3]
    cdef Py_ssize_t row, first, last, piece = tasks_at_a_time(N * rows, work)
    for first in range(0, N * rows, piece):
        last = min(first + piece, N * rows)
        for row in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
            blocks_of_pixels(
                x, places, &table[0, 0], y, row // rows, row % rows, block_h, block_w, top, left
            )
        PyErr_CheckSignals()


def space_to_depth(
    const float[:, :, :, ::1] x, float[:, :, :, ::1] y, tuple block, tuple padding,
    Py_ssize_t threads
):
    """Write y[n, i, j, (dy * block_w + dx) * C + c] = x[n, c, i * block_h + dy - top, ...].

    What lies outside x is zero. A convolution with the block as its stride becomes one of stride 1.

    Parameters
    ----------
    x : float32, shape (N, C, H, W), C-contiguous
    y : float32, shape (N, rows of blocks, columns of blocks, block_h * block_w * C), C-contiguous
    block : (block_h, block_w)
    padding : (top, left)
    threads : int
    """
    cdef Py_ssize_t block_h = block[0], block_w = block[1], top = padding[0], left = padding[1]
    cdef Py_ssize_t N = x.shape[0], rows = y.shape[1]
    if y.shape[0] != N or y.shape[3] != block_h * block_w * x.shape[1]:
        raise ValueError("y: shape does not match x")
    if N * rows * y.shape[2] * y.shape[3] == 0:
        return
    cdef int n_threads = threads_for(min(threads, N * rows))
    cdef double work = COPY_WORK * <double> N * rows * y.shape[2] * y.shape[3]
    cdef Py_ssize_t row, first, last, piece = tasks_at_a_time(N * rows, work)
    for first in range(0, N * rows, piece):
        last = min(first + piece, N * rows)
        for row in prange(first, last, nogil=True, num_threads=n_threads, schedule="static"):
            blocks_of_row(x, y, row // rows, row % rows, block_h, block_w, top, left)
        PyErr_CheckSignals()
