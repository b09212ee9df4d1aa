"""Convolution: weights packed once, work cut into tiles, tiles shared out over the threads."""
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid
from libc.stdlib cimport free

from conv_cuts cimport COLUMN_PIXELS, Blocks, OutputTiles, cut_output, cut_patch
from kernels cimport ACY_CONV_PIXELS, acy_conv, acy_kernels, kernels_in

from alexnet_cy.kernels._bound cimport Bound
from alexnet_cy.kernels._pieces cimport tasks_at_a_time
from alexnet_cy.kernels._runtime cimport AlignedMemory, give_back, take_scratch, threads_for

import numpy as np


cdef class PackedConv:
    """Weights and bias of one convolution, in panels of out channels.

    Per group, panels as wide as the register tile, the last one as narrow as whole vectors allow;
    in a panel, for each k = (r, s, c) in turn, the weights of its channels. Direct convolution and
    im2col read them as they are, Winograd's algorithm transforms them.

    The weights are zeros until `pack_filters` has been given them.

    Parameters
    ----------
    out_channels, group_channels, kernel_h, kernel_w : int
        O, C / groups, R and S.
    bias : float32, shape (O,), or None for zeros
    groups : int, divides O
    kernels : capsule of `_runtime.kernels_of`; the packing is for that level alone
    packed : (buffer, buffer), optional
        `weight_memory` and `bias_memory` of another one of the same sizes, whose memory this one
        reads and never writes; `bias` does not count then.
    """

    cdef bint is_given
    cdef readonly object capsule, weight_memory, bias_memory
    cdef const acy_kernels *kernels
    cdef float *weight
    cdef float *bias
    cdef readonly Py_ssize_t out_channels, group_channels, kernel_h, kernel_w, groups
    cdef Py_ssize_t depth, group_out, padded_out_channels

    def __cinit__(
        self, Py_ssize_t out_channels, Py_ssize_t group_channels, Py_ssize_t kernel_h,
        Py_ssize_t kernel_w, const float[::1] bias, Py_ssize_t groups, kernels, packed=None
    ):
        cdef const float[::1] given, given_bias
        self.capsule = kernels
        self.kernels = kernels_in(kernels)
        self.groups = groups
        self.out_channels = out_channels
        self.group_channels = group_channels
        self.kernel_h = kernel_h
        self.kernel_w = kernel_w
        if groups < 1 or out_channels % groups:
            raise ValueError(f"groups: {groups} does not divide {out_channels} out channels")
        if bias is not None and bias.shape[0] != out_channels:
            raise ValueError(f"bias: got {bias.shape[0]} values for {out_channels} channels")
        self.depth = kernel_h * kernel_w * group_channels
        if self.depth < 1 or out_channels < 1:
            raise ValueError("weight: empty")
        cdef Py_ssize_t lanes = self.kernels.lanes, o
        self.group_out = out_channels // groups
        self.padded_out_channels = (self.group_out + lanes - 1) // lanes * lanes
        self.is_given = packed is not None
        if self.is_given:
            self.weight_memory, self.bias_memory = packed
            given = np.frombuffer(self.weight_memory, np.float32)
            given_bias = np.frombuffer(self.bias_memory, np.float32)
            if (
                given.shape[0] != groups * self.depth * self.padded_out_channels
                or given_bias.shape[0] != groups * self.padded_out_channels
            ):
                raise ValueError("packed: the sizes do not match the layer")
            self.weight = <float *> &given[0]
            self.bias = <float *> &given_bias[0]
            return
        self.weight_memory = AlignedMemory(4 * groups * self.depth * self.padded_out_channels)
        self.bias_memory = AlignedMemory(4 * groups * self.padded_out_channels)
        cdef float[::1] weight = np.frombuffer(self.weight_memory, np.float32)
        cdef float[::1] packed_bias = np.frombuffer(self.bias_memory, np.float32)
        self.weight = &weight[0]
        self.bias = &packed_bias[0]
        for o in range(out_channels if bias is not None else 0):
            self.bias[self.padded(o)] = bias[o]

    cdef Py_ssize_t padded(self, Py_ssize_t o) noexcept nogil:
        """Return the place of an out channel among those of all groups, padding included."""
        return o // self.group_out * self.padded_out_channels + o % self.group_out

    cdef float *panel_of(self, Py_ssize_t o, Py_ssize_t *width) noexcept nogil:
        """Return where the weights of an out channel begin, and the width of its panel."""
        cdef Py_ssize_t place = o % self.group_out
        cdef Py_ssize_t column = place % self.kernels.panel_width
        width[0] = min(self.kernels.panel_width, self.padded_out_channels - (place - column))
        return self.weight + (self.padded(o) - column) * self.depth + column

    def pack_filters(self, Py_ssize_t first, const float[:, :, :, ::1] filters):
        """Pack the weights of the out channels from `first` on; other threads may pack others.

        Parameters
        ----------
        first : int
        filters : float32, shape (out channels, C / groups, R, S), C-contiguous

        Returns
        -------
        bool
            Whether all of them are finite.
        """
        cdef Py_ssize_t o = first, end = first + filters.shape[0], count, width
        cdef float *panel
        if (
            filters.shape[1] != self.group_channels or filters.shape[2] != self.kernel_h
            or filters.shape[3] != self.kernel_w or first < 0 or end > self.out_channels
        ):
            raise ValueError("filters: shape does not match the weights")
        if self.is_given:
            raise ValueError("filters: the weights were given packed")
        cdef bint finite = True
        while o < end:
            panel = self.panel_of(o, &width)
            # to the end of the panel, of the group or of the filters
            count = min(width - o % self.group_out % self.kernels.panel_width, end - o)
            count = min(count, self.group_out - o % self.group_out)
            with nogil:
                finite &= self.kernels.pack_rows(
                    &filters[o - first, 0, 0, 0], count, self.group_channels,
                    self.kernel_h * self.kernel_w, width, panel,
                )
            o += count
        return finite

    def unpack(self):
        """Return fresh copies of weight, (O, C / groups, R, S), and bias, (O,), as they came."""
        taps = self.kernel_h * self.kernel_w
        weight_array = np.empty((self.out_channels, self.group_channels, taps), np.float32)
        bias_array = np.empty(self.out_channels, np.float32)
        cdef float[:, :, ::1] weight = weight_array
        cdef float[::1] bias = bias_array
        cdef Py_ssize_t o, c, tap, width, n_taps = taps
        cdef const float *panel
        for o in range(self.out_channels):
            bias[o] = self.bias[self.padded(o)]
            panel = self.panel_of(o, &width)
            for tap in range(n_taps):
                for c in range(self.group_channels):
                    weight[o, c, tap] = panel[(tap * self.group_channels + c) * width]
        shape = self.out_channels, self.group_channels, self.kernel_h, self.kernel_w
        return weight_array.reshape(shape), bias_array

    @property
    def nbytes(self):
        """Bytes of the packed weights and bias."""
        return self.weight_memory.nbytes + self.bias_memory.nbytes


cdef Blocks cut_patches(PackedConv packed, Py_ssize_t width):
    """Cut the patches of padded images so wide."""
    cdef Py_ssize_t C = packed.group_channels * packed.groups
    # Without groups, the taps of a kernel row and their channels are one contiguous run.
    if packed.groups == 1:
        return cut_patch(packed.kernel_h, packed.kernel_w * C, 1, width * C, 0)
    return cut_patch(packed.kernel_h, packed.group_channels, packed.kernel_w, width * C, C)


cdef acy_conv describe_conv(
    PackedConv packed, const float[:, :, :, ::1] x, float[:, :, :, :] y, Py_ssize_t stride_h,
    Py_ssize_t stride_w
):
    """Describe a convolution but for its blocks; x and y are not empty."""
    cdef Py_ssize_t row_stride = x.shape[2] * x.shape[3]
    cdef acy_conv conv
    conv.input = &x[0, 0, 0, 0]
    conv.input_image_stride = x.shape[1] * row_stride
    conv.input_step_h = stride_h * row_stride
    conv.input_step_w = stride_w * x.shape[3]
    conv.output = &y[0, 0, 0, 0]
    conv.output_image_stride = y.strides[0] // sizeof(float)
    conv.output_row_stride = y.strides[1] // sizeof(float)
    conv.output_pixel_stride = y.strides[2] // sizeof(float)
    conv.out_height = y.shape[1]
    conv.out_width = y.shape[2]
    conv.out_channels = packed.out_channels // packed.groups
    conv.depth = packed.depth
    conv.weight = packed.weight
    conv.bias = packed.bias
    return conv


cdef void run_tile(
    const acy_kernels *kernels, const acy_conv *all_groups, const OutputTiles *tiles,
    Py_ssize_t tile, Py_ssize_t n_pixels, Py_ssize_t group_channels,
    Py_ssize_t padded_out_channels, float *scratch
) noexcept nogil:
    """Compute one tile; tiles of the same weights follow one another."""
    cdef Py_ssize_t pixel_tile = tile % tiles.n_pixel_tiles
    cdef Py_ssize_t panel_tile = tile // tiles.n_pixel_tiles % tiles.n_panel_tiles
    cdef Py_ssize_t group = tile // tiles.n_pixel_tiles // tiles.n_panel_tiles
    cdef Py_ssize_t n_panels = (
        all_groups.out_channels + kernels.panel_width - 1
    ) // kernels.panel_width
    cdef acy_conv conv = all_groups[0]
    conv.input += group * group_channels
    conv.output += group * conv.out_channels
    conv.weight += group * padded_out_channels * conv.depth
    conv.bias += group * padded_out_channels
    kernels.conv(
        &conv,
        pixel_tile * tiles.pixels,
        min((pixel_tile + 1) * tiles.pixels, n_pixels),
        panel_tile * tiles.panels,
        min((panel_tile + 1) * tiles.panels, n_panels),
        scratch,
    )


cdef class DirectConv2d(Bound):
    """y[n, p, q, o] = relu(bias[o] + sum_rsc weight[o, c, r, s] * x[...]), bound to its arrays.

    The sum is over x[n, p * stride_h + r, q * stride_w + s, c] for the channels c of o's group.

    Parameters
    ----------
    packed : PackedConv
    x : float32, shape (N, H, W, C), C-contiguous, padding included
    y : float32, shape (N, P, Q, O), out channels contiguous; pixels and rows may have gaps
    stride_h, stride_w : int, at least 1
    relu : bool
    copy_columns : bool
        Copy the patches (im2col) or multiply them where they stand (direct); same bits.

    Raises
    ------
    ValueError
        The arrays do not fit the weights.
    """

    cdef PackedConv packed
    cdef const float[:, :, :, ::1] x
    cdef float[:, :, :, :] y
    cdef acy_conv conv
    cdef Blocks cut

    def __cinit__(
        self, PackedConv packed not None, const float[:, :, :, ::1] x, float[:, :, :, :] y,
        Py_ssize_t stride_h, Py_ssize_t stride_w, bint relu, bint copy_columns
    ):
        if (
            x.shape[3] != packed.group_channels * packed.groups or y.shape[0] != x.shape[0]
            or y.shape[3] != packed.out_channels
        ):
            raise ValueError("x, y: shapes do not match the weights")
        if (
            (y.shape[1] - 1) * stride_h + packed.kernel_h > x.shape[1]
            or (y.shape[2] - 1) * stride_w + packed.kernel_w > x.shape[2]
        ):
            raise ValueError("x: too small for the output")
        if y.strides[3] != sizeof(float):
            raise ValueError("y: out channels must be contiguous")
        self.packed = packed
        self.x = x
        self.y = y
        if x.shape[0] * y.shape[1] * y.shape[2]:
            self.conv = describe_conv(packed, x, y, stride_h, stride_w)
            self.cut = cut_patches(packed, x.shape[2])
            self.conv.segments = self.cut.segments
            self.conv.block_ends = self.cut.ends
            self.conv.n_blocks = self.cut.n_blocks
            self.conv.relu = relu
            self.conv.copy_columns = copy_columns

    def __dealloc__(self):
        free(self.cut.segments)
        free(self.cut.ends)

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t n_pixels = self.y.shape[0] * self.conv.out_height * self.conv.out_width
        if n_pixels == 0:
            return 0
        cdef const acy_kernels *kernels = self.packed.kernels
        cdef OutputTiles tiles = cut_output(
            &self.conv, n_pixels, self.packed.groups, kernels.panel_width, <int> threads
        )
        cdef int n_threads = threads_for(min(threads, tiles.n_tiles))
        cdef Py_ssize_t tile, scratch_floats = ACY_CONV_PIXELS * kernels.panel_width
        if self.conv.copy_columns:
            scratch_floats += COLUMN_PIXELS * self.cut.longest
        cdef AlignedMemory memory = take_scratch(4 * n_threads * scratch_floats)
        cdef float *scratch = <float *> memory.memory
        cdef Py_ssize_t first, last, piece = tasks_at_a_time(
            tiles.n_tiles, <double> n_pixels * self.packed.out_channels * self.packed.depth
        )
        for first in range(0, tiles.n_tiles, piece):
            last = min(first + piece, tiles.n_tiles)
            for tile in prange(
                first, last, nogil=True, num_threads=n_threads, schedule="dynamic", chunksize=1
            ):
                run_tile(
                    kernels, &self.conv, &tiles, tile, n_pixels, self.packed.group_channels,
                    self.packed.padded_out_channels, scratch + threadid() * scratch_floats,
                )
            PyErr_CheckSignals()
        give_back(memory)
        return 0
