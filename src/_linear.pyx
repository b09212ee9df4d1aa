"""Fully connected layers: one packed copy of the weights for one image and for many."""
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t

from kernels cimport (
    ACY_LINEAR_BLOCK, ACY_LINEAR_FEW, ACY_LINEAR_FEW_RANGE, ACY_LINEAR_IMAGES, ACY_LINEAR_RANGE,
    ACY_LINEAR_SCRATCH, acy_kernels, acy_linear, kernels_in,
)
from cache_lines cimport odd_lines

from alexnet_cy.kernels._bound cimport Bound
from alexnet_cy.kernels._runtime cimport AlignedMemory, give_back, take_scratch, threads_for

import numpy as np

cdef enum:
    # The narrowest range of outputs given to one thread: 256 contiguous bytes of every weight row.
    NARROWEST_RANGE = 64
    # The smallest pages of the systems we know are 4 KiB.
    PAGE_FLOATS = 1024


cdef class PackedLinear:
    """Weights and bias of one fully connected layer, input-major.

    For each input in turn a row with the weights of all outputs: what one input multiplies is
    contiguous. A row is an odd number of cache lines long, so that rows do not compete for the
    same few sets of a cache.

    The weights are zeros until `pack_rows` has been given them.

    Parameters
    ----------
    out_features, in_features : int
        O and I.
    bias : float32, shape (O,), or None for zeros
    kernels : capsule of `_runtime.kernels_of`
    threads : int
        So many have the system clear the memory of the weights.
    packed : (buffer, buffer, bool), optional
        `weight_memory`, `bias_memory` and `finite` of another one of the same sizes, whose memory
        this one reads and never writes; `bias` does not count then.
    """

    cdef bint is_given
    cdef readonly object capsule, weight_memory, bias_memory
    cdef const acy_kernels *kernels
    cdef float *weight
    cdef float *bias
    cdef readonly Py_ssize_t in_features, out_features
    cdef readonly bint finite
    cdef readonly Py_ssize_t row_stride
    cdef Py_ssize_t padded_out_features

    def __cinit__(
        self, Py_ssize_t out_features, Py_ssize_t in_features, const float[::1] bias,
        kernels, Py_ssize_t threads, packed=None
    ):
        cdef const float[::1] given, given_bias
        self.capsule = kernels
        self.kernels = kernels_in(kernels)
        self.out_features = out_features
        self.in_features = in_features
        self.finite = True
        if in_features >= 2**31:
            raise ValueError(f"weight: {in_features} inputs, at most 2**31 - 1 are possible")
        if in_features < 1 or out_features < 1:
            raise ValueError("weight: empty")
        self.padded_out_features = (out_features + 15) // 16 * 16
        self.row_stride = odd_lines(out_features)
        self.is_given = packed is not None
        if self.is_given:
            self.weight_memory, self.bias_memory, self.finite = packed
            given = np.frombuffer(self.weight_memory, np.float32)
            given_bias = np.frombuffer(self.bias_memory, np.float32)
            if (
                given.shape[0] != self.row_stride * in_features
                or given_bias.shape[0] != self.padded_out_features
            ):
                raise ValueError("packed: the sizes do not match the layer")
            self.weight = <float *> &given[0]
            self.bias = <float *> &given_bias[0]
            return
        self.weight_memory = AlignedMemory(4 * self.row_stride * in_features)
        self.bias_memory = AlignedMemory(4 * self.padded_out_features)
        cdef float[::1] weight = np.frombuffer(self.weight_memory, np.float32)
        cdef float[::1] packed_bias = np.frombuffer(self.bias_memory, np.float32)
        self.bias = &packed_bias[0]
        self.weight = &weight[0]
        if bias is not None:
            if bias.shape[0] != out_features:
                raise ValueError(f"bias: got {bias.shape[0]} values for {out_features} outputs")
            packed_bias[:out_features] = bias
        # Threads that pack would ask for the same new pages at the same time, and each of them
        # would wait until the system has cleared them.
        cdef Py_ssize_t n_floats = weight.shape[0], i
        cdef int n_threads = threads_for(threads)
        for i in prange(
            0, n_floats, PAGE_FLOATS, num_threads=n_threads, schedule="static", nogil=True
        ):
            self.weight[i] = 0

    def pack_rows(self, Py_ssize_t first, const float[:, ::1] rows):
        """Pack the weights of the outputs from `first` on; other threads may pack others.

        Parameters
        ----------
        first : int
        rows : float32, shape (outputs, I), C-contiguous

        Returns
        -------
        bool
            Whether all of them are finite.
        """
        cdef Py_ssize_t end = first + rows.shape[0]
        if rows.shape[1] != self.in_features or first < 0 or end > self.out_features:
            raise ValueError("rows: shape does not match the weights")
        if self.is_given:
            raise ValueError("rows: the weights were given packed")
        cdef bint finite = True
        if rows.shape[0]:
            with nogil:
                finite = self.kernels.pack_rows(
                    &rows[0, 0], rows.shape[0], self.in_features, 1, self.row_stride,
                    self.weight + first,
                )
        if not finite:
            self.finite = False
        return finite

    def unpack(self):
        """Return fresh copies of weight, (O, I), and bias, (O,), as they came."""
        weight_array = np.empty((self.out_features, self.in_features), np.float32)
        bias_array = np.empty(self.out_features, np.float32)
        cdef float[:, ::1] weight = weight_array
        cdef float[::1] bias = bias_array
        cdef Py_ssize_t o, i
        for o in range(self.out_features):
            bias[o] = self.bias[o]
            for i in range(self.in_features):
                weight[o, i] = self.weight[i * self.row_stride + o]
        return weight_array, bias_array

    @property
    def nbytes(self):
        """Bytes of the packed weights and bias."""
        return self.weight_memory.nbytes + self.bias_memory.nbytes


cdef Py_ssize_t list_inputs(
    const float *x, Py_ssize_t n_images, Py_ssize_t n_inputs, bint skip_zeros, int32_t *index
) noexcept nogil:
    """List the inputs that count: all, or those not zero in every image (NaN is not zero)."""
    cdef Py_ssize_t i, n, count = 0
    cdef int32_t counts
    for i in range(n_inputs):
        index[i] = not skip_zeros
    for n in range(n_images if skip_zeros else 0):
        for i in range(n_inputs):
            index[i] |= x[n * n_inputs + i] != 0.0
    # Never writes beyond what it has read; no branch, as half of them would be foretold wrong.
    for i in range(n_inputs):
        counts = index[i]
        index[count] = <int32_t> i
        count += counts
    return count


cdef void gather_block(
    const float *x, Py_ssize_t n_images, Py_ssize_t n_inputs, const int32_t *index,
    Py_ssize_t n_values, float *values
) noexcept nogil:
    """Copy the values of some inputs: values[n][k] = x[n, index[k]]."""
    cdef Py_ssize_t n, k
    for n in range(n_images):
        for k in range(n_values):
            values[n * n_values + k] = x[n * n_inputs + index[k]]


cdef Py_ssize_t range_of(Py_ssize_t padded, Py_ssize_t n_images, Py_ssize_t threads) noexcept nogil:
    """Outputs of one call of the kernel: long rows for few images, and work for every thread."""
    cdef bint few = n_images <= ACY_LINEAR_FEW
    cdef Py_ssize_t width = ACY_LINEAR_FEW_RANGE if few else ACY_LINEAR_RANGE
    cdef Py_ssize_t ranges = threads if few or threads == 1 else 2 * threads
    while width > NARROWEST_RANGE and (padded + width - 1) // width < ranges:
        width //= 2
    return width


cdef class Linear(Bound):
    """y[n, o] = relu(bias[o] + sum_k x[n, k] * weight[o, k]), bound to its arrays.

    The weights of inputs that are zero in all images are not read. That is exact: the terms left
    out are zeros, provided that all weights are finite, which the packing has found out; if they
    are not, every row is read, so that 0 * inf gives NaN as it does in the dense product.

    Parameters
    ----------
    packed : PackedLinear
    x : float32, shape (N, I), C-contiguous
    y : float32, shape (N, O), C-contiguous
    relu : bool

    Raises
    ------
    ValueError
        The arrays do not fit the weights.
    """

    cdef PackedLinear packed
    cdef const float[:, ::1] x
    cdef float[:, ::1] y
    cdef bint relu

    def __cinit__(
        self, PackedLinear packed not None, const float[:, ::1] x, float[:, ::1] y, bint relu
    ):
        if (
            x.shape[1] != packed.in_features or y.shape[1] != packed.out_features
            or y.shape[0] != x.shape[0]
        ):
            raise ValueError("x, y: shapes do not match the weights")
        self.packed = packed
        self.x = x
        self.y = y
        self.relu = relu

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t N = self.x.shape[0], first
        for first in range(0, N, ACY_LINEAR_IMAGES):
            run_images(
                self.packed, &self.x[first, 0], &self.y[first, 0],
                min(N - first, ACY_LINEAR_IMAGES), self.relu, threads,
            )
            PyErr_CheckSignals()
        return 0


cdef int run_images(
    PackedLinear packed, const float *x, float *y, Py_ssize_t n_images, bint relu,
    Py_ssize_t threads
) except -1:
    """At most ACY_LINEAR_IMAGES images: what one call of the kernel takes."""
    cdef Py_ssize_t depth = packed.in_features, padded = packed.padded_out_features
    cdef Py_ssize_t width = range_of(padded, n_images, threads)
    cdef int n_threads = threads_for(min(threads, (padded + width - 1) // width))

    cdef AlignedMemory memory = take_scratch(
        4 * (depth * (n_images + 1) + n_threads * ACY_LINEAR_SCRATCH)
    )
    cdef float *scratch = <float *> memory.memory
    cdef float *values = scratch + n_threads * ACY_LINEAR_SCRATCH
    cdef int32_t *index = <int32_t *> (values + depth * n_images)
    cdef const acy_kernels *kernels = packed.kernels
    cdef acy_linear layer
    layer.index = index
    layer.input = values
    layer.weight = packed.weight
    layer.row_stride = packed.row_stride
    layer.bias = packed.bias
    layer.output = y
    layer.output_stride = packed.out_features
    layer.n_images = n_images
    layer.out_features = packed.out_features
    layer.relu = relu
    cdef bint finite = packed.finite
    cdef Py_ssize_t n_values, first
    with nogil:
        n_values = list_inputs(x, n_images, depth, finite, index)
        layer.n_values = n_values
        for first in prange(
            0, n_values, ACY_LINEAR_BLOCK, num_threads=n_threads, schedule="static"
        ):
            gather_block(
                x, n_images, depth, index + first, min(n_values - first, ACY_LINEAR_BLOCK),
                values + first * n_images,
            )
        for first in prange(0, padded, width, num_threads=n_threads, schedule="dynamic"):
            kernels.linear(
                &layer, first, min(first + width, padded), scratch + threadid() * ACY_LINEAR_SCRATCH
            )
    give_back(memory)
    return 0


def linear_rows(
    kernels, const float[:, ::1] rows, const float[::1] bias, const float[:, ::1] x,
    float[:, ::1] y, Py_ssize_t first, bint relu
):
    """Write y[n, first + o] = relu(bias[first + o] + sum_k x[n, k] * rows[o, k]); on this thread.

    The bits are those of `Linear` with all rows packed.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    rows : float32, shape (outputs, I), C-contiguous
        The weights of the outputs from `first` on.
    bias : float32, shape (O,)
    x : float32, shape (N, I), C-contiguous
    y : float32, shape (N, O), C-contiguous
    first : int
    relu : bool

    Returns
    -------
    bool
        Whether all of the weights are finite.
    """
    cdef const acy_kernels *table = kernels_in(kernels)
    cdef Py_ssize_t N = x.shape[0], end = first + rows.shape[0], n
    cdef bint finite = True
    if (
        first < 0 or end > y.shape[1] or bias.shape[0] != y.shape[1] or y.shape[0] != N
        or rows.shape[1] != x.shape[1] or rows.shape[1] < 1
    ):
        raise ValueError("rows, bias, x, y: shapes do not match")
    if end == first:
        return True
    for n in range(0, N, ACY_LINEAR_FEW):
        with nogil:
            finite &= table.linear_rows(
                &rows[0, 0], rows.shape[0], rows.shape[1], &bias[first], &x[n, 0],
                min(N - n, ACY_LINEAR_FEW), &y[n, first], y.shape[1], relu,
            )
    return finite
