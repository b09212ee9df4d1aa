"""Winograd convolution: its weights, and blocks of tiles shared out over the threads."""
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython.parallel cimport prange, threadid
from libc.stdlib cimport free, malloc

from kernels cimport (
    ACY_WINOGRAD_POINTS, ACY_WINOGRAD_TILES, acy_kernels, acy_transform, acy_winograd,
    acy_winograd_tile, capsule_name,
)
from cache_lines cimport odd_lines
from winograd_blocks cimport (
    Cut, cut_into_blocks, describe_block, describe_group, fill_tiles, repeat_tiles, run_whole,
    transform_panel,
)
from winograd_checks cimport check_cuts, check_shapes, set_transforms

from alexnet_cy._runtime import AlignedMemory, give_back, take_scratch, threads_for

from threading import Lock

import numpy as np


cdef class PackedWinograd:
    """The weights U[i, j] = (G_h g G_w^T)[i, j] of a convolution, made from its packed kernels g.

    U is five times as large as g for 3x3 kernels, and new memory costs more time than a pass. So
    the first call, if it is one of few tiles, transforms g while it goes, and it takes a second
    call for U to be made: a process that looks at one image never does. The bits of the results
    are the same.

    Parameters
    ----------
    panels : PackedConv
        g and the bias, which stay where they are.
    kernel_matrices : (G_h, G_w), float32, shapes (points, R) and (points, S)
    transforms : (for rows, for columns), each a list by the number of outputs 1, 2, ... of
        (points, first, zero, input, output): how many points the tile takes, the place of the
        first among those of the kernel matrix, whether zero is one of them, and what B^T and A^T
        are made of, `input_coefficients` and `output_coefficients` of the engine
    """

    cdef readonly object panels
    cdef object matrices, weight_memory, lock
    cdef const acy_kernels *kernels
    cdef acy_winograd layer  # what does not differ from call to call; of the first group
    cdef bint used
    cdef readonly Py_ssize_t out_channels, group_channels, kernel_h, kernel_w, groups
    cdef Py_ssize_t padded_out_channels, n_panels, n_pairs
    cdef acy_transform transforms_h[ACY_WINOGRAD_POINTS + 1]
    cdef acy_transform transforms_w[ACY_WINOGRAD_POINTS + 1]

    def __cinit__(self, panels, tuple kernel_matrices, tuple transforms):
        cdef const float[:, ::1] g_h = kernel_matrices[0]
        cdef const float[:, ::1] g_w = kernel_matrices[1]
        cdef const float[::1] weight = np.frombuffer(panels.weight_memory, np.float32)
        cdef const float[::1] bias = np.frombuffer(panels.bias_memory, np.float32)
        self.panels = panels
        self.kernels = <const acy_kernels *> PyCapsule_GetPointer(panels.capsule, capsule_name())
        self.lock = Lock()
        self.groups = panels.groups
        self.out_channels = panels.out_channels
        self.group_channels = panels.group_channels
        self.kernel_h = panels.kernel_h
        self.kernel_w = panels.kernel_w
        if g_h.shape[1] != self.kernel_h or g_w.shape[1] != self.kernel_w:
            raise ValueError("kernel_matrices: do not match the kernel")
        if g_h.shape[0] > ACY_WINOGRAD_POINTS or g_w.shape[0] > ACY_WINOGRAD_POINTS:
            raise ValueError(f"kernel_matrices: at most {ACY_WINOGRAD_POINTS} points are possible")
        if g_h.shape[0] < self.kernel_h or g_w.shape[0] < self.kernel_w:
            raise ValueError("kernel_matrices: fewer points than taps")
        cdef Py_ssize_t group_out = self.out_channels // self.groups
        self.padded_out_channels = bias.shape[0] // self.groups
        self.n_panels = (group_out + self.kernels.panel_width - 1) // self.kernels.panel_width
        self.n_pairs = g_h.shape[0] * g_w.shape[0]
        self.matrices = (kernel_matrices, transforms)
        set_transforms(self.transforms_h, transforms[0], g_h.shape[0])
        set_transforms(self.transforms_w, transforms[1], g_w.shape[0])
        self.layer.kernel = &weight[0]
        self.layer.bias = &bias[0]
        self.layer.transforms_h = self.transforms_h
        self.layer.transforms_w = self.transforms_w
        self.layer.points_h = g_h.shape[0]
        self.layer.points_w = g_w.shape[0]
        self.layer.channels = self.group_channels
        self.layer.out_channels = group_out
        self.layer.taps_h = <int> self.kernel_h
        self.layer.taps_w = <int> self.kernel_w
        self.layer.kernel_h = &g_h[0, 0]
        self.layer.kernel_w = &g_w[0, 0]

    def transform(self, Py_ssize_t threads):
        """Make U now, if it is not there."""
        cdef Py_ssize_t task, panel_width = self.kernels.panel_width
        cdef Py_ssize_t pair_floats = self.padded_out_channels * self.group_channels
        cdef acy_winograd *layers
        cdef float[::1] packed
        cdef int n_threads
        with self.lock:
            if self.weight_memory is not None:
                return
            memory = AlignedMemory(4 * self.groups * self.n_pairs * pair_floats)
            packed = np.frombuffer(memory, np.float32)
            layers = self.describe_groups()
            n_threads = threads_for(min(threads, self.groups * self.n_panels))
            for task in prange(
                self.groups * self.n_panels, nogil=True, num_threads=n_threads,
                schedule="dynamic", chunksize=1,
            ):
                transform_panel(
                    self.kernels, layers + task // self.n_panels, task % self.n_panels,
                    &packed[0] + task // self.n_panels * self.n_pairs * pair_floats
                    + task % self.n_panels * panel_width * self.group_channels,
                    pair_floats,
                )
            free(layers)
            self.layer.weight = &packed[0]
            self.weight_memory = memory

    cdef acy_winograd *describe_groups(self) except NULL:
        """Return the layer as each group sees it; to be freed."""
        cdef acy_winograd *layers = <acy_winograd *> malloc(self.groups * sizeof(acy_winograd))
        cdef Py_ssize_t group
        if layers is NULL:
            raise MemoryError(f"no memory to describe {self.groups} groups")
        for group in range(self.groups):
            describe_group(&self.layer, self.padded_out_channels, group, layers + group)
        return layers

    @property
    def nbytes(self):
        """Bytes of U; 0 as long as it is not made."""
        return 0 if self.weight_memory is None else self.weight_memory.nbytes


cdef void run_shared(
    const acy_kernels *kernels, const acy_winograd *block, Py_ssize_t n_pairs, Py_ssize_t n_panels,
    int n_threads
) noexcept nogil:
    """The three steps of a block one after the other, each shared out over the threads."""
    cdef Py_ssize_t i
    for i in prange(block.n_tiles, num_threads=n_threads, schedule="static"):
        kernels.winograd_input(block, i, i + 1)
    for i in prange(n_pairs, num_threads=n_threads, schedule="dynamic", chunksize=1):
        kernels.winograd_multiply(block, i, i + 1, 0, n_panels)
    for i in prange(block.n_tiles, num_threads=n_threads, schedule="static"):
        kernels.winograd_output(block, i, i + 1)


cdef acy_winograd describe_call(
    PackedWinograd packed, const float[:, :, :, ::1] x, float[:, :, :, :] y, bint relu
):
    """Describe the layer but for its tiles, and the memory for V and M."""
    cdef acy_winograd layer = packed.layer
    cdef Py_ssize_t lanes = packed.kernels.lanes
    layer.input_row_stride = x.shape[2] * x.shape[3]
    layer.input_pixel_stride = x.shape[3]
    layer.output_row_stride = y.strides[1] // sizeof(float)
    layer.output_pixel_stride = y.strides[2] // sizeof(float)
    layer.v_row = (layer.channels + lanes - 1) // lanes * lanes
    layer.m_row = packed.padded_out_channels
    layer.relu = relu
    return layer


def conv2d(
    PackedWinograd packed not None, const float[:, :, :, ::1] x, float[:, :, :, :] y,
    const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns, bint relu, Py_ssize_t threads
):
    """Convolve padded images with stride 1, tile by tile.

    Parameters
    ----------
    packed : PackedWinograd
    x : float32, shape (N, P + R - 1, Q + S - 1, C) or larger, C-contiguous, padding included
    y : float32, shape (N, P, Q, O), out channels contiguous; pixels and rows may have gaps
    rows, columns : intp
        Where the tiles begin along each axis, and at the end P and Q.
    relu : bool
    threads : int
    """
    check_shapes(&packed.layer, packed.groups, x, y)
    check_cuts(rows, y.shape[1], packed.transforms_h, "rows")
    check_cuts(columns, y.shape[2], packed.transforms_w, "columns")
    cdef Py_ssize_t n_tiles = x.shape[0] * (rows.shape[0] - 1) * (columns.shape[0] - 1)
    if n_tiles == 0:
        return
    cdef acy_winograd layer = describe_call(packed, x, y, relu)
    cdef acy_winograd_tile *tiles = <acy_winograd_tile *> malloc(
        packed.groups * n_tiles * sizeof(acy_winograd_tile)
    )
    try:
        if tiles is NULL:
            raise MemoryError(f"no memory to list {n_tiles} tiles")
        fill_tiles(tiles, x, y, rows, columns)
        repeat_tiles(tiles, n_tiles, packed.groups, layer.channels, layer.out_channels)
        if n_tiles <= ACY_WINOGRAD_TILES and not packed.used and packed.weight_memory is None:
            packed.used = True
            convolve_few(packed, &layer, tiles, n_tiles, threads)
        else:
            packed.transform(threads)
            layer.weight = packed.layer.weight
            convolve_many(packed, &layer, tiles, n_tiles, threads)
    finally:
        free(tiles)


cdef int convolve_few(
    PackedWinograd packed, const acy_winograd *layer, const acy_winograd_tile *tiles,
    Py_ssize_t n_tiles, Py_ssize_t threads
) except -1:
    """Transform all tiles, then compute panel by panel of out channels, from g."""
    cdef const acy_kernels *kernels = packed.kernels
    cdef Py_ssize_t n_groups = packed.groups, n_panels = packed.n_panels, group
    cdef Py_ssize_t v_pair = odd_lines(n_tiles * layer.v_row)
    cdef Py_ssize_t m_pair = odd_lines(n_tiles * kernels.panel_width)
    cdef Py_ssize_t v_floats = packed.n_pairs * v_pair, m_floats = packed.n_pairs * m_pair
    cdef Py_ssize_t u_pair = odd_lines(layer.channels * kernels.panel_width)
    cdef int n_threads = threads_for(min(threads, n_groups * n_panels))
    memory = take_scratch(4 * (n_groups * v_floats + n_threads * (m_floats + layer.points_w * u_pair)))
    cdef float[::1] scratch = np.frombuffer(memory, np.float32)
    cdef acy_winograd *groups = <acy_winograd *> malloc(
        (n_groups + n_threads) * sizeof(acy_winograd)
    )
    if groups is NULL:
        raise MemoryError(f"no memory to describe {n_groups} groups")
    for group in range(n_groups):
        describe_group(layer, packed.padded_out_channels, group, groups + group)
        groups[group].tiles = tiles + group * n_tiles
        groups[group].n_tiles = n_tiles
        groups[group].v = &scratch[0] + group * v_floats
        groups[group].v_pair = v_pair
        groups[group].m_row = kernels.panel_width
        groups[group].m_pair = m_pair
    run_panels(
        kernels, groups, n_groups, n_panels, groups + n_groups, &scratch[0] + n_groups * v_floats,
        m_floats, u_pair, n_threads,
    )
    free(groups)
    give_back(memory)
    return 0


cdef void run_panels(
    const acy_kernels *kernels, const acy_winograd *groups, Py_ssize_t n_groups,
    Py_ssize_t n_panels, acy_winograd *blocks, float *scratch, Py_ssize_t m_floats,
    Py_ssize_t u_pair, int n_threads
) noexcept:
    """Run every tile and then every panel; `blocks` and `scratch` have a part for each thread."""
    cdef Py_ssize_t n_tiles = groups.n_tiles, task
    cdef Py_ssize_t thread_floats = m_floats + groups.points_w * u_pair
    with nogil:
        for task in prange(n_groups * n_tiles, num_threads=n_threads, schedule="static"):
            kernels.winograd_input(
                groups + task // n_tiles, task % n_tiles, task % n_tiles + 1
            )
        for task in prange(
            n_groups * n_panels, num_threads=n_threads, schedule="dynamic", chunksize=1
        ):
            blocks[threadid()] = groups[task // n_panels]
            blocks[threadid()].m = scratch + threadid() * thread_floats
            kernels.winograd_panel(
                blocks + threadid(), task % n_panels, blocks[threadid()].m + m_floats, u_pair
            )


cdef int convolve_many(
    PackedWinograd packed, acy_winograd *layer, const acy_winograd_tile *tiles,
    Py_ssize_t n_tiles, Py_ssize_t threads
) except -1:
    """Compute block by block of tiles, from U.

    Where there are fewer blocks than threads, or the weights are large, the threads share the steps
    of each block; else every thread takes whole blocks, and their V and M stay in its cache.
    """
    cdef Cut cut = cut_into_blocks(
        n_tiles, packed.n_pairs * (layer.v_row + layer.m_row),
        packed.n_pairs * layer.channels * layer.m_row, packed.groups, threads
    )
    layer.v_pair = odd_lines(cut.largest * layer.v_row)
    layer.m_pair = odd_lines(cut.largest * layer.m_row)
    cdef int n_threads = threads_for(threads if cut.shared else min(threads, cut.n_jobs))
    cdef Py_ssize_t scratch_floats = packed.n_pairs * (layer.v_pair + layer.m_pair)
    memory = take_scratch(4 * scratch_floats * (1 if cut.shared else n_threads))
    cdef float[::1] scratch = np.frombuffer(memory, np.float32)
    cdef acy_winograd *blocks = <acy_winograd *> malloc(n_threads * sizeof(acy_winograd))
    if blocks is NULL:
        raise MemoryError(f"no memory to describe {n_threads} blocks")
    run_blocks(packed.kernels, layer, &cut, tiles, blocks, &scratch[0], n_threads)
    free(blocks)
    give_back(memory)
    return 0


cdef void run_blocks(
    const acy_kernels *kernels, const acy_winograd *layer, const Cut *cut,
    const acy_winograd_tile *tiles, acy_winograd *blocks, float *scratch, int n_threads
) noexcept:
    """Run every block; `blocks` and `scratch` have a part for each thread, or are shared."""
    cdef Py_ssize_t n_pairs = layer.points_h * layer.points_w, job
    cdef Py_ssize_t n_panels = (
        layer.out_channels + kernels.panel_width - 1
    ) // kernels.panel_width
    cdef Py_ssize_t scratch_floats = n_pairs * (layer.v_pair + layer.m_pair)
    with nogil:
        if cut.shared:
            for job in range(cut.n_jobs):
                describe_block(layer, cut, tiles, job, scratch, blocks)
                run_shared(kernels, blocks, n_pairs, n_panels, n_threads)
        else:
            for job in prange(
                cut.n_jobs, num_threads=n_threads, schedule="dynamic", chunksize=1
            ):
                describe_block(
                    layer, cut, tiles, job, scratch + threadid() * scratch_floats,
                    blocks + threadid(),
                )
                run_whole(kernels, blocks + threadid(), n_pairs, n_panels)
