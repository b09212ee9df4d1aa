"""Winograd convolution: transformed weights, and blocks of tiles shared out over the threads."""
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython.parallel cimport prange, threadid
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from kernels cimport (
    ACY_WINOGRAD_POINTS, acy_kernels, acy_transform, acy_winograd, acy_winograd_tile, capsule_name,
)
from winograd_blocks cimport (
    Cut, cut_into_blocks, describe_block, fill_tiles, odd_lines, repeat_tiles,
)

from alexnet_cy._runtime import AlignedMemory, give_back, take_scratch, threads_for

import numpy as np

cdef enum:
    # Out channels of the widest panel of any level, 2 vectors of AVX-512.
    WIDEST_PANEL = 32


cdef class PackedWinograd:
    """Transformed weights, U[i, j] = (G_h g G_w^T)[i, j], in the panels of the register tile.

    Computed in double and rounded once.

    Parameters
    ----------
    weight : float32, shape (O, C / groups, R, S), C-contiguous
    bias : float32, shape (O,), or None for zeros
    groups : int, divides O
    kernel_matrices : (G_h, G_w), float64, shapes (points, R) and (points, S)
    transforms : (for rows, for columns), each a list by the number of outputs 1, 2, ... of
        (first, B^T, A^T): the place of its first point among those of the kernel matrix, and
        float32, shapes (points, points) and (outputs, points), of points symmetric about zero
    kernels : capsule of `_runtime.kernels_of`; the packing is for that level alone
    threads : int
    """

    cdef object capsule, weight_memory, bias_memory, matrices
    cdef const acy_kernels *kernels
    cdef float *weight
    cdef float *bias
    cdef readonly Py_ssize_t out_channels, group_channels, kernel_h, kernel_w, groups
    cdef Py_ssize_t points_h, points_w, padded_out_channels
    cdef acy_transform transforms_h[ACY_WINOGRAD_POINTS + 1]
    cdef acy_transform transforms_w[ACY_WINOGRAD_POINTS + 1]

    def __cinit__(
        self, const float[:, :, :, ::1] weight, const float[::1] bias, Py_ssize_t groups,
        tuple kernel_matrices, tuple transforms, kernels, Py_ssize_t threads
    ):
        cdef const double[:, ::1] g_h = kernel_matrices[0]
        cdef const double[:, ::1] g_w = kernel_matrices[1]
        self.capsule = kernels
        self.kernels = <const acy_kernels *> PyCapsule_GetPointer(kernels, capsule_name())
        self.groups = groups
        self.out_channels = weight.shape[0]
        self.group_channels = weight.shape[1]
        self.kernel_h = weight.shape[2]
        self.kernel_w = weight.shape[3]
        self.points_h = g_h.shape[0]
        self.points_w = g_w.shape[0]
        if groups < 1 or self.out_channels % groups:
            raise ValueError(f"groups: {groups} does not divide {self.out_channels} out channels")
        if bias is not None and bias.shape[0] != self.out_channels:
            raise ValueError(f"bias: got {bias.shape[0]} values for {self.out_channels} channels")
        if g_h.shape[1] != self.kernel_h or g_w.shape[1] != self.kernel_w:
            raise ValueError("kernel_matrices: do not match the kernel")
        if self.points_h > ACY_WINOGRAD_POINTS or self.points_w > ACY_WINOGRAD_POINTS:
            raise ValueError(f"kernel_matrices: at most {ACY_WINOGRAD_POINTS} points are possible")
        if self.kernels.panel_width > WIDEST_PANEL:
            raise ValueError(f"kernels: panels of {self.kernels.panel_width} are too wide")
        self.matrices = transforms
        set_transforms(self.transforms_h, transforms[0], self.points_h)
        set_transforms(self.transforms_w, transforms[1], self.points_w)

        cdef Py_ssize_t group_out = self.out_channels // groups, lanes = self.kernels.lanes
        self.padded_out_channels = (group_out + lanes - 1) // lanes * lanes
        cdef Py_ssize_t group_floats = (
            self.points_h * self.points_w * self.padded_out_channels * self.group_channels
        )
        self.weight_memory = AlignedMemory(4 * groups * group_floats)
        self.bias_memory = AlignedMemory(4 * groups * self.padded_out_channels)
        cdef float[::1] packed = np.frombuffer(self.weight_memory, np.float32)
        cdef float[::1] packed_bias = np.frombuffer(self.bias_memory, np.float32)
        self.weight = &packed[0]
        self.bias = &packed_bias[0]
        cdef Py_ssize_t o
        for o in range(self.out_channels if bias is not None else 0):
            packed_bias[o // group_out * self.padded_out_channels + o % group_out] = bias[o]

        cdef Py_ssize_t panel_width = self.kernels.panel_width, padded = self.padded_out_channels
        cdef Py_ssize_t n_panels = (group_out + panel_width - 1) // panel_width
        cdef Py_ssize_t task, group, panel
        cdef float *to = self.weight
        cdef int n_threads = threads_for(min(threads, groups * n_panels))
        for task in prange(
            groups * n_panels, nogil=True, num_threads=n_threads, schedule="dynamic", chunksize=1
        ):
            group = task // n_panels
            panel = task % n_panels * panel_width
            transform_panel(
                weight, g_h, g_w, group * group_out + panel, min(panel_width, group_out - panel),
                min(panel_width, padded - panel), padded * weight.shape[1],
                to + group * group_floats + panel * weight.shape[1],
            )

    @property
    def nbytes(self):
        """Bytes of the transformed weights and the bias."""
        return self.weight_memory.nbytes + self.bias_memory.nbytes


cdef int set_transforms(
    acy_transform *transforms, list matrices, Py_ssize_t n_points
) except -1:
    """Point transforms[1], transforms[2], ... to the matrices, which the caller keeps alive."""
    cdef const float[:, ::1] input_matrix, output_matrix
    if len(matrices) > ACY_WINOGRAD_POINTS:
        raise ValueError("transforms: too many")
    memset(transforms, 0, (ACY_WINOGRAD_POINTS + 1) * sizeof(acy_transform))
    for outputs, (first, to_points, to_outputs) in enumerate(matrices, 1):
        input_matrix = to_points
        output_matrix = to_outputs
        if first < 0 or first + input_matrix.shape[0] > n_points:
            raise ValueError("transforms: take points that the kernel matrices do not have")
        transforms[outputs].outputs = outputs
        transforms[outputs].points = <int> input_matrix.shape[0]
        transforms[outputs].first = first
        transforms[outputs].input = &input_matrix[0, 0]
        transforms[outputs].output = &output_matrix[0, 0]
    return 0


cdef void transform_panel(
    const float[:, :, :, ::1] weight, const double[:, ::1] g_h, const double[:, ::1] g_w,
    Py_ssize_t first, Py_ssize_t n, Py_ssize_t width, Py_ssize_t pair_floats, float *to
) noexcept nogil:
    """Transform out channels [first, first + n) into a panel `width` wide, for every pair.

    The innermost loops run over out channels, which are contiguous, for vectors' sake.
    """
    cdef double[ACY_WINOGRAD_POINTS][ACY_WINOGRAD_POINTS][WIDEST_PANEL] half
    cdef double[ACY_WINOGRAD_POINTS][ACY_WINOGRAD_POINTS][WIDEST_PANEL] taps
    cdef double[WIDEST_PANEL] total
    cdef double factor
    cdef const float *kernel
    cdef float *out
    cdef Py_ssize_t kernel_h = weight.shape[2], kernel_w = weight.shape[3]
    cdef Py_ssize_t c, o, i, j, r, s
    for c in range(weight.shape[1]):
        for o in range(n):
            kernel = &weight[first + o, c, 0, 0]
            for r in range(kernel_h):
                for s in range(kernel_w):
                    taps[r][s][o] = kernel[r * kernel_w + s]
        for i in range(g_h.shape[0]):
            for s in range(kernel_w):
                memset(total, 0, sizeof(total))
                for r in range(kernel_h):
                    factor = g_h[i, r]
                    for o in range(n):
                        total[o] += taps[r][s][o] * factor
                memcpy(half[i][s], total, sizeof(total))
        for i in range(g_h.shape[0]):
            for j in range(g_w.shape[0]):
                memset(total, 0, sizeof(total))
                for s in range(kernel_w):
                    factor = g_w[j, s]
                    for o in range(n):
                        total[o] += half[i][s][o] * factor
                out = to + (i * g_w.shape[0] + j) * pair_floats + c * width
                for o in range(n):
                    out[o] = <float> total[o]


cdef void run_whole(
    const acy_kernels *kernels, const acy_winograd *block, Py_ssize_t n_pairs, Py_ssize_t n_panels
) noexcept nogil:
    """All three steps of a block, by one thread."""
    kernels.winograd_input(block, 0, block.n_tiles)
    kernels.winograd_multiply(block, 0, n_pairs, 0, n_panels)
    kernels.winograd_output(block, 0, block.n_tiles)


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


cdef acy_winograd describe_layer(
    PackedWinograd packed, const float[:, :, :, ::1] x, float[:, :, :, :] y, bint relu,
    Py_ssize_t largest
):
    """Describe a block of `largest` tiles but for what differs from block to block."""
    cdef acy_winograd layer
    cdef Py_ssize_t lanes = packed.kernels.lanes
    layer.tiles = NULL
    layer.n_tiles = 0
    layer.transforms_h = packed.transforms_h
    layer.transforms_w = packed.transforms_w
    layer.points_h = packed.points_h
    layer.points_w = packed.points_w
    layer.channels = packed.group_channels
    layer.out_channels = packed.out_channels // packed.groups
    layer.input_row_stride = x.shape[2] * x.shape[3]
    layer.input_pixel_stride = x.shape[3]
    layer.output_row_stride = y.strides[1] // sizeof(float)
    layer.output_pixel_stride = y.strides[2] // sizeof(float)
    layer.weight = packed.weight
    layer.bias = packed.bias
    layer.v = NULL
    layer.m = NULL
    layer.v_row = (layer.channels + lanes - 1) // lanes * lanes
    layer.m_row = packed.padded_out_channels
    layer.v_pair = odd_lines(largest * layer.v_row)
    layer.m_pair = odd_lines(largest * layer.m_row)
    layer.relu = relu
    return layer


def conv2d(
    PackedWinograd packed not None, const float[:, :, :, ::1] x, float[:, :, :, :] y,
    const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns, bint relu, Py_ssize_t threads
):
    """Convolve padded images with stride 1, tile by tile.

    Where there are fewer blocks of tiles than threads, the threads share the steps of each block;
    else every thread takes whole blocks, and their V and M stay in its cache.

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
    check_shapes(packed, x, y)
    check_cuts(rows, y.shape[1], packed.transforms_h, "rows")
    check_cuts(columns, y.shape[2], packed.transforms_w, "columns")
    cdef Py_ssize_t n_tiles = x.shape[0] * (rows.shape[0] - 1) * (columns.shape[0] - 1)
    if n_tiles == 0:
        return

    cdef Py_ssize_t n_pairs = packed.points_h * packed.points_w
    cdef acy_winograd layer = describe_layer(packed, x, y, relu, 1)
    cdef Cut cut = cut_into_blocks(
        n_tiles, n_pairs * (layer.v_row + layer.m_row), packed.groups, threads
    )
    layer = describe_layer(packed, x, y, relu, cut.largest)
    cdef int n_threads = threads_for(threads if cut.shared else min(threads, cut.n_jobs))
    cdef Py_ssize_t scratch_floats = n_pairs * (layer.v_pair + layer.m_pair)
    memory = take_scratch(4 * scratch_floats * (1 if cut.shared else n_threads))
    cdef float[::1] scratch = np.frombuffer(memory, np.float32)
    cdef acy_winograd_tile *tiles = <acy_winograd_tile *> malloc(
        packed.groups * n_tiles * sizeof(acy_winograd_tile)
    )
    cdef acy_winograd *blocks = <acy_winograd *> malloc(n_threads * sizeof(acy_winograd))
    try:
        if blocks is NULL or tiles is NULL:
            raise MemoryError(f"no memory to list {n_tiles} tiles")
        fill_tiles(tiles, x, y, rows, columns)
        repeat_tiles(tiles, n_tiles, packed.groups, layer.channels, layer.out_channels)
        run_blocks(packed.kernels, &layer, &cut, tiles, blocks, &scratch[0], n_threads)
    finally:
        free(blocks)
        free(tiles)
        give_back(memory)


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


cdef int check_shapes(
    PackedWinograd packed, const float[:, :, :, ::1] x, float[:, :, :, :] y
) except -1:
    if (
        x.shape[3] != packed.group_channels * packed.groups or y.shape[0] != x.shape[0]
        or y.shape[3] != packed.out_channels
    ):
        raise ValueError("x, y: shapes do not match the weights")
    if (
        y.shape[1] + packed.kernel_h - 1 > x.shape[1]
        or y.shape[2] + packed.kernel_w - 1 > x.shape[2]
    ):
        raise ValueError("x: too small for the output")
    if y.strides[3] != sizeof(float):
        raise ValueError("y: out channels must be contiguous")
    return 0


cdef int check_cuts(
    const Py_ssize_t[::1] cuts, Py_ssize_t length, const acy_transform *transforms, str name
) except -1:
    """Refuse cuts that do not go from 0 to `length` in steps that there are transforms for."""
    cdef Py_ssize_t i, size
    if cuts.shape[0] < 2 or cuts[0] != 0 or cuts[cuts.shape[0] - 1] != length:
        raise ValueError(f"{name}: must go from 0 to {length}")
    for i in range(cuts.shape[0] - 1):
        size = cuts[i + 1] - cuts[i]
        if size < 1 or size > ACY_WINOGRAD_POINTS or transforms[size].points == 0:
            raise ValueError(f"{name}: there is no transform for a tile of {size}")
    return 0
