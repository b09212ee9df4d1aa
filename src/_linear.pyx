"""Fully connected layers: one packed copy of the weights for one image and for many."""
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython.parallel cimport prange, threadid
from libc.stdint cimport int32_t

from kernels cimport (
    ACY_LINEAR_FEW, ACY_LINEAR_PANEL, ACY_LINEAR_SCRATCH, acy_kernels, acy_linear, capsule_name,
)

from alexnet_cy._runtime import AlignedMemory, give_back, take_scratch, threads_for

import numpy as np

cdef enum:
    # The narrowest range of outputs given to one thread: 256 contiguous bytes of every weight row.
    TILE_OUTPUTS = 64

PANEL_OUTPUTS = ACY_LINEAR_PANEL
"""Outputs of a panel: whoever packs several ranges at once does well to take several panels."""


cdef class PackedLinear:
    """Weights and bias of one fully connected layer, input-major.

    Panels of ACY_LINEAR_PANEL outputs, the last one rounded up to 16; in a panel, for each input
    in turn, the weights of its outputs: what one input multiplies is contiguous. The inputs are
    taken as (C, H, W) and packed as (H, W, C), the order in which NHWC activations come.

    The weights are zeros until `pack_rows` has been given them.

    Parameters
    ----------
    out_features, in_features : int
        O, and I = C * pixels.
    bias : float32, shape (O,), or None for zeros
    pixels : int
        H * W of the activations that the layer flattens; 1 if the inputs are already flat.
    kernels : capsule of `_runtime.kernels_of`
    """

    cdef object capsule, weight_memory, bias_memory
    cdef const acy_kernels *kernels
    cdef float *weight
    cdef float *bias
    cdef readonly Py_ssize_t in_features, out_features
    cdef readonly bint finite
    cdef Py_ssize_t padded_out_features, pixels

    def __cinit__(
        self, Py_ssize_t out_features, Py_ssize_t in_features, const float[::1] bias,
        Py_ssize_t pixels, kernels
    ):
        self.capsule = kernels
        self.kernels = <const acy_kernels *> PyCapsule_GetPointer(kernels, capsule_name())
        self.out_features = out_features
        self.in_features = in_features
        self.pixels = pixels
        self.finite = True
        if pixels < 1 or in_features % pixels:
            raise ValueError(f"pixels: {pixels} does not divide {in_features} inputs")
        if in_features >= 2**31:
            raise ValueError(f"weight: {in_features} inputs, at most 2**31 - 1 are possible")
        if in_features < 1 or out_features < 1:
            raise ValueError("weight: empty")
        if bias is not None and bias.shape[0] != out_features:
            raise ValueError(f"bias: got {bias.shape[0]} values for {out_features} outputs")
        self.padded_out_features = (out_features + 15) // 16 * 16
        self.weight_memory = AlignedMemory(4 * self.padded_out_features * in_features)
        self.bias_memory = AlignedMemory(4 * self.padded_out_features)
        cdef float[::1] packed = np.frombuffer(self.weight_memory, np.float32)
        cdef float[::1] packed_bias = np.frombuffer(self.bias_memory, np.float32)
        self.bias = &packed_bias[0]
        self.weight = &packed[0]
        cdef Py_ssize_t o
        for o in range(out_features if bias is not None else 0):
            packed_bias[o] = bias[o]

    def pack_rows(self, Py_ssize_t first, const float[:, ::1] rows):
        """Pack the weights of the outputs from `first` on; other threads may pack others.

        Parameters
        ----------
        first : int
        rows : float32, shape (outputs, I), C-contiguous
        """
        cdef Py_ssize_t end = first + rows.shape[0], channels = self.in_features // self.pixels
        if rows.shape[1] != self.in_features or first < 0 or end > self.out_features:
            raise ValueError("rows: shape does not match the weights")
        cdef Py_ssize_t o = first, panel, n
        cdef bint finite = True
        with nogil:
            while o < end:
                panel = o // ACY_LINEAR_PANEL * ACY_LINEAR_PANEL
                n = min(end, panel + ACY_LINEAR_PANEL) - o
                finite &= self.kernels.pack_linear(
                    &rows[o - first, 0], n, channels, self.pixels,
                    min(ACY_LINEAR_PANEL, self.padded_out_features - panel),
                    self.weight + panel * self.in_features + o - panel,
                )
                o += n
        if not finite:
            self.finite = False

    def unpack(self):
        """Return fresh copies of weight, (O, C * pixels), and bias, (O,), as they came."""
        weight_array = np.empty((self.out_features, self.in_features), np.float32)
        bias_array = np.empty(self.out_features, np.float32)
        cdef float[:, ::1] weight = weight_array
        cdef float[::1] bias = bias_array
        cdef Py_ssize_t channels = self.in_features // self.pixels
        cdef Py_ssize_t o, c, pixel, panel, width
        for o in range(self.out_features):
            panel = o // ACY_LINEAR_PANEL * ACY_LINEAR_PANEL
            width = min(ACY_LINEAR_PANEL, self.padded_out_features - panel)
            bias[o] = self.bias[o]
            for c in range(channels):
                for pixel in range(self.pixels):
                    weight[o, c * self.pixels + pixel] = self.weight[
                        panel * self.in_features + (pixel * channels + c) * width + o - panel
                    ]
        return weight_array, bias_array

    @property
    def nbytes(self):
        """Bytes of the packed weights and bias."""
        return self.weight_memory.nbytes + self.bias_memory.nbytes


cdef Py_ssize_t list_inputs(
    const float[:, ::1] x, bint skip_zeros, int32_t *index, float *value
) noexcept nogil:
    """List the inputs that count: all, or those not zero in every image (NaN is not zero).

    `value` becomes [count][images].
    """
    cdef Py_ssize_t N = x.shape[0], i, n, count = 0
    cdef bint counts
    for i in range(x.shape[1]):
        counts = not skip_zeros
        for n in range(N):
            value[count * N + n] = x[n, i]
            counts |= x[n, i] != 0.0
        index[count] = <int32_t> i
        count += counts
    return count


cdef acy_linear panel_of(const acy_linear *layer, Py_ssize_t padded, Py_ssize_t panel) noexcept nogil:
    """The problem of one panel: `layer` describes the first one, as wide as all of them."""
    cdef acy_linear linear = layer[0]
    cdef Py_ssize_t first = panel * ACY_LINEAR_PANEL
    linear.weight += first * layer.depth
    linear.bias += first
    linear.output += first
    linear.width = min(ACY_LINEAR_PANEL, padded - first)
    linear.valid_width = min(ACY_LINEAR_PANEL, layer.valid_width - first)
    return linear


cdef void run_tile(
    const acy_kernels *kernels, const acy_linear *layer, Py_ssize_t padded, Py_ssize_t tile,
    Py_ssize_t tiles_per_panel, const int32_t *index, const float *value, Py_ssize_t n_values,
    float *scratch
) noexcept nogil:
    """Compute one range of outputs of one panel, for one image or for all."""
    cdef acy_linear linear = panel_of(layer, padded, tile // tiles_per_panel)
    cdef Py_ssize_t width = ACY_LINEAR_PANEL // tiles_per_panel
    cdef Py_ssize_t begin = tile % tiles_per_panel * width
    cdef Py_ssize_t end = min(begin + width, linear.width)
    if begin >= end:
        return
    if index is not NULL:
        kernels.matrix_vector(&linear, index, value, n_values, begin, end)
    else:
        kernels.matrix_matrix(&linear, begin, end, scratch)


def linear(
    PackedLinear packed not None, const float[:, ::1] x, float[:, ::1] y, bint relu,
    Py_ssize_t threads
):
    """Write y[n, o] = relu(bias[o] + sum_k x[n, k] * weight[o, k]).

    Up to ACY_LINEAR_FEW images read only the weight rows of inputs that are not zero in all of
    them. That is exact: the terms left out are zeros, provided that all weights are finite, which
    the packing has found out; if they are not, every row is read, so that 0 * inf gives NaN as it
    does in the dense product.

    Parameters
    ----------
    packed : PackedLinear
    x : float32, shape (N, I), C-contiguous; the inputs in (H, W, C) order
    y : float32, shape (N, O), C-contiguous
    relu : bool
    threads : int
    """
    cdef Py_ssize_t N = x.shape[0]
    if x.shape[1] != packed.in_features or y.shape[1] != packed.out_features or y.shape[0] != N:
        raise ValueError("x, y: shapes do not match the weights")
    if N == 0:
        return
    cdef acy_linear layer
    layer.input = &x[0, 0]
    layer.weight = packed.weight
    layer.bias = packed.bias
    layer.output = &y[0, 0]
    layer.n_images = N
    layer.depth = packed.in_features
    layer.width = packed.padded_out_features
    layer.valid_width = packed.out_features
    layer.output_stride = packed.out_features
    layer.relu = relu

    cdef Py_ssize_t n_panels = (packed.padded_out_features + ACY_LINEAR_PANEL - 1) // ACY_LINEAR_PANEL
    cdef Py_ssize_t tiles_per_panel = 1
    while (
        threads > 1 and n_panels * tiles_per_panel < 2 * threads
        and ACY_LINEAR_PANEL // tiles_per_panel > TILE_OUTPUTS
    ):
        tiles_per_panel *= 2
    cdef Py_ssize_t tile, n_tiles = n_panels * tiles_per_panel
    cdef int n_threads = threads_for(min(threads, n_tiles))

    cdef const acy_kernels *kernels = packed.kernels
    cdef Py_ssize_t padded = packed.padded_out_features
    cdef Py_ssize_t n_values = 0
    cdef int32_t *index = NULL
    cdef float *value = NULL
    cdef bint few = N <= ACY_LINEAR_FEW
    memory = take_scratch(
        4 * (N + 1) * packed.in_features if few else 4 * n_threads * ACY_LINEAR_SCRATCH
    )
    cdef float[::1] scratch = np.frombuffer(memory, np.float32)
    if few:
        index = <int32_t *> &scratch[0]
        value = &scratch[packed.in_features]
        n_values = list_inputs(x, packed.finite, index, value)
    for tile in prange(
        n_tiles, nogil=True, num_threads=n_threads, schedule="dynamic", chunksize=1
    ):
        run_tile(
            kernels, &layer, padded, tile, tiles_per_panel, index, value, n_values,
            &scratch[0] + threadid() * ACY_LINEAR_SCRATCH,
        )
    give_back(memory)
