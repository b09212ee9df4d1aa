"""Winograd convolution of few tiles with weights that are used once, part by part as they come."""
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython.parallel cimport prange, threadid
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from kernels cimport (
    ACY_WINOGRAD_TILES, acy_kernels, acy_winograd, acy_winograd_tile, kernels_in,
)
from cache_lines cimport odd_lines
from winograd_blocks cimport count_panels, describe_group, layer_capsule_name
from winograd_calls cimport check_call, describe_call, list_tiles

from alexnet_cy.kernels._runtime cimport AlignedMemory, give_back, take_scratch, threads_for

import numpy as np

MOST_TILES = ACY_WINOGRAD_TILES


cdef class StreamedWinograd:
    """One convolution, whose kernels come in parts, in any order, and do not stay.

    The tiles of the input are transformed at once. For every panel of out channels its kernels g
    are packed, transformed to U a row of points at a time, multiplied where they have been left in
    the cache, and M is transformed to the output. The bits are those of `_winograd.WinogradConv2d`.

    A context manager, which holds the transformed tiles; to be used within.

    Parameters
    ----------
    shape : WinogradShape
    bias : float32, shape (O,), or None for zeros
    x, y, rows, columns, relu
        As for `_winograd.WinogradConv2d`; at most MOST_TILES tiles.
    threads : int
    """

    cdef object shape
    cdef AlignedMemory memory
    cdef const acy_kernels *kernels
    cdef acy_winograd *groups
    cdef acy_winograd_tile *tiles
    cdef float[::1] bias
    cdef const float[:, :, :, ::1] x
    cdef float[:, :, :, :] y
    cdef Py_ssize_t n_groups, n_panels, n_tiles, group_out
    # floats of a thread's scratch: M of a panel, U of a row of points, g of a panel
    cdef Py_ssize_t m_floats, u_pair, u_floats, g_floats

    def __cinit__(
        self, shape, const float[::1] bias, const float[:, :, :, ::1] x, float[:, :, :, :] y,
        const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns, bint relu, Py_ssize_t threads
    ):
        cdef const acy_winograd *layer = <const acy_winograd *> PyCapsule_GetPointer(
            shape.layer_capsule, layer_capsule_name()
        )
        self.kernels = kernels_in(shape.kernels)
        self.shape = shape
        self.x = x
        self.y = y
        self.n_groups = shape.groups
        self.n_panels = count_panels(layer, self.kernels)
        self.group_out = layer.out_channels
        self.n_tiles = check_call(layer, self.n_groups, x, y, rows, columns)
        if not 1 <= self.n_tiles <= MOST_TILES:
            raise ValueError(f"x, y: {self.n_tiles} tiles; 1 to {MOST_TILES} are possible")
        if bias is not None and bias.shape[0] != shape.out_channels:
            raise ValueError(f"bias: got {bias.shape[0]} values for {shape.out_channels} channels")
        cdef acy_winograd call = describe_call(layer, self.kernels.lanes, x, y, relu)
        self.pad_bias(bias, call.m_row)
        call.bias = &self.bias[0]
        self.tiles = list_tiles(&call, self.n_groups, self.n_tiles, x, y, rows, columns)
        self.describe_groups(&call)
        self.transform_tiles(threads)

    def __dealloc__(self):
        free(self.tiles)
        free(self.groups)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        give_back(self.memory)
        self.memory = None

    cdef int pad_bias(self, const float[::1] bias, Py_ssize_t padded) except -1:
        cdef Py_ssize_t o
        self.bias = np.zeros(self.n_groups * padded, np.float32)
        for o in range(bias.shape[0] if bias is not None else 0):
            self.bias[o // self.group_out * padded + o % self.group_out] = bias[o]
        return 0

    cdef int describe_groups(self, acy_winograd *call) except -1:
        """Describe the layer as each group sees it, with memory for its V."""
        cdef Py_ssize_t padded_out_channels = call.m_row, panel_width = self.kernels.panel_width
        cdef Py_ssize_t n_pairs = call.points_h * call.points_w, group, v_floats
        call.n_tiles = self.n_tiles
        call.v_pair = odd_lines(self.n_tiles * call.v_row)
        call.m_row = panel_width
        call.m_pair = odd_lines(self.n_tiles * panel_width)
        v_floats = n_pairs * call.v_pair
        self.m_floats = n_pairs * call.m_pair
        self.u_pair = odd_lines(call.channels * panel_width)
        self.u_floats = call.points_w * self.u_pair
        self.g_floats = call.taps_h * call.taps_w * call.channels * panel_width
        self.groups = <acy_winograd *> malloc(self.n_groups * sizeof(acy_winograd))
        if self.groups is NULL:
            raise MemoryError(f"no memory to describe {self.n_groups} groups")
        self.memory = take_scratch(4 * self.n_groups * v_floats)
        cdef float *v = <float *> self.memory.memory
        for group in range(self.n_groups):
            describe_group(call, padded_out_channels, group, self.groups + group)
            self.groups[group].tiles = self.tiles + group * self.n_tiles
            self.groups[group].v = v + group * v_floats
        return 0

    cdef int transform_tiles(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t task, n_tiles = self.n_tiles, n_tasks = self.n_groups * n_tiles
        cdef int n_threads = threads_for(min(threads, n_tasks))
        for task in prange(n_tasks, nogil=True, num_threads=n_threads, schedule="static"):
            self.kernels.winograd_input(
                self.groups + task // n_tiles, task % n_tiles, task % n_tiles + 1
            )
        return 0

    def take_filters(
        self, Py_ssize_t first, const float[:, :, :, ::1] filters, Py_ssize_t threads=1
    ):
        """Compute the out channels from `first` on; other threads may compute others.

        Parameters
        ----------
        first : int
        filters : float32, shape (out channels, C / groups, R, S), C-contiguous
            Whole panels of the out channels of groups.
        threads : int

        Returns
        -------
        bool
            Whether all weights are finite.
        """
        cdef Py_ssize_t end = first + filters.shape[0], width = self.kernels.panel_width, o
        if self.memory is None:
            raise ValueError("the convolution has ended")
        if (
            filters.shape[1] != self.shape.group_channels or first < 0
            or filters.shape[2] != self.shape.kernel_h or filters.shape[3] != self.shape.kernel_w
            or end > self.shape.out_channels
        ):
            raise ValueError("filters: shape does not match the weights")
        for o in (first, end):
            if o % self.group_out % width:
                raise ValueError(f"filters: {first} to {end} are no whole panels of {width}")
        if first == end:
            return True
        cdef Py_ssize_t begin = self.panel_of(first), stop = self.panel_of(end - 1) + 1, panel
        cdef int n_threads = threads_for(min(threads, stop - begin)), not_finite = 0
        cdef Py_ssize_t scratch_floats = self.m_floats + self.u_floats + self.g_floats
        cdef AlignedMemory memory = take_scratch(4 * n_threads * scratch_floats)
        cdef float *scratch = <float *> memory.memory
        for panel in prange(
            begin, stop, nogil=True, num_threads=n_threads, schedule="dynamic", chunksize=1
        ):
            not_finite += not self.compute_panel(
                panel, &filters[0, 0, 0, 0], first, scratch + threadid() * scratch_floats
            )
        give_back(memory)
        return not_finite == 0

    cdef Py_ssize_t panel_of(self, Py_ssize_t o) noexcept nogil:
        """Return the place of an out channel's panel among those of all groups."""
        return o // self.group_out * self.n_panels + o % self.group_out // self.kernels.panel_width

    cdef bint compute_panel(
        self, Py_ssize_t place, const float *filters, Py_ssize_t first, float *scratch
    ) noexcept nogil:
        """Compute one panel from its kernels, which begin with out channel `first`."""
        cdef acy_winograd group = self.groups[place // self.n_panels]
        cdef Py_ssize_t panel = place % self.n_panels, lanes = self.kernels.lanes
        cdef Py_ssize_t o = panel * self.kernels.panel_width, taps = group.taps_h * group.taps_w
        cdef Py_ssize_t count = min(self.kernels.panel_width, self.group_out - o)
        cdef Py_ssize_t width = (count + lanes - 1) // lanes * lanes
        cdef float *u = scratch + self.m_floats
        cdef float *g = u + self.u_floats
        cdef bint finite
        group.m = scratch
        if count < width:
            memset(g, 0, self.g_floats * sizeof(float))
        finite = self.kernels.pack_rows(
            filters + (place // self.n_panels * self.group_out + o - first) * group.channels * taps,
            count, group.channels, taps, width, g,
        )
        self.kernels.winograd_panel(&group, g, panel, u, self.u_pair)
        return finite
