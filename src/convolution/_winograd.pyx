"""Winograd convolution: its weights, and blocks of tiles shared out over the threads."""
from cpython.exc cimport PyErr_CheckSignals
from cpython.pycapsule cimport PyCapsule_New
from cython.parallel cimport prange, threadid
from libc.stdlib cimport free, malloc

from kernels cimport (
    ACY_WINOGRAD_POINTS, acy_kernels, acy_transform, acy_winograd, acy_winograd_tile, kernels_in,
)
from cache_lines cimport odd_lines
from winograd_blocks cimport (
    Cut, count_panels, cut_into_blocks, describe_block, layer_capsule_name, run_whole,
)
from winograd_calls cimport check_call, describe_call, list_tiles, set_transforms

from alexnet_cy.kernels._bound cimport Bound
from alexnet_cy.kernels._pieces cimport tasks_at_a_time
from alexnet_cy.kernels._runtime cimport AlignedMemory, give_back, take_scratch, threads_for

import numpy as np

from alexnet_cy.kernels._turns import Turns


cdef class WinogradShape:
    """What Winograd's algorithm needs to know of a convolution of stride 1, but for its weights.

    Parameters
    ----------
    out_channels, group_channels, groups : int
        O, C / groups, and what divides O.
    kernel_matrices : (G_h, G_w), float32, shapes (points, R) and (points, S)
    transforms : (for rows, for columns), each a list by the number of outputs 1, 2, ... of
        (points, first, zero, input, output): how many points the tile takes, the place of the
        first among those of the kernel matrix, whether zero is one of them, and what B^T and A^T
        are made of, `input_coefficients` and `output_coefficients` of the engine
    kernels : capsule of `_runtime.kernels_of`
    """

    cdef acy_winograd layer  # what does not differ from call to call, but for the weights
    cdef readonly object kernels, kernel_matrices, transforms
    cdef readonly Py_ssize_t out_channels, group_channels, kernel_h, kernel_w, groups
    cdef acy_transform transforms_h[ACY_WINOGRAD_POINTS + 1]
    cdef acy_transform transforms_w[ACY_WINOGRAD_POINTS + 1]

    def __cinit__(
        self, Py_ssize_t out_channels, Py_ssize_t group_channels, Py_ssize_t groups,
        tuple kernel_matrices, tuple transforms, kernels
    ):
        cdef const float[:, ::1] g_h = kernel_matrices[0]
        cdef const float[:, ::1] g_w = kernel_matrices[1]
        if groups < 1 or out_channels % groups:
            raise ValueError(f"groups: {groups} does not divide {out_channels} out channels")
        if g_h.shape[0] > ACY_WINOGRAD_POINTS or g_w.shape[0] > ACY_WINOGRAD_POINTS:
            raise ValueError(f"kernel_matrices: at most {ACY_WINOGRAD_POINTS} points are possible")
        if g_h.shape[0] < g_h.shape[1] or g_w.shape[0] < g_w.shape[1]:
            raise ValueError("kernel_matrices: fewer points than taps")
        self.kernels = kernels
        self.kernel_matrices = kernel_matrices
        self.transforms = transforms
        self.out_channels = out_channels
        self.group_channels = group_channels
        self.groups = groups
        self.kernel_h = g_h.shape[1]
        self.kernel_w = g_w.shape[1]
        set_transforms(self.transforms_h, transforms[0], g_h.shape[0])
        set_transforms(self.transforms_w, transforms[1], g_w.shape[0])
        self.layer.transforms_h = self.transforms_h
        self.layer.transforms_w = self.transforms_w
        self.layer.points_h = g_h.shape[0]
        self.layer.points_w = g_w.shape[0]
        self.layer.channels = group_channels
        self.layer.out_channels = out_channels // groups
        self.layer.taps_h = <int> self.kernel_h
        self.layer.taps_w = <int> self.kernel_w
        self.layer.kernel_h = &g_h[0, 0]
        self.layer.kernel_w = &g_w[0, 0]

    @property
    def layer_capsule(self):
        """A capsule around `const acy_winograd *`, for as long as this object lives."""
        return PyCapsule_New(&self.layer, layer_capsule_name(), NULL)


cdef class PackedWinograd:
    """The weights U[i, j] = (G_h g G_w^T)[i, j] of a convolution.

    U is five times as large as g for 3x3 kernels, and made when it is first needed.

    Parameters
    ----------
    shape : WinogradShape
    panels : PackedConv
        g and the bias, which stay where they are.
    transformed : buffer, optional
        U of another one of the same shape, which this one reads and never writes.
    """

    cdef bint is_given
    cdef readonly object panels
    cdef object turns
    cdef dict kept  # the memory of U, once it is made
    cdef WinogradShape shape
    cdef const acy_kernels *kernels
    cdef acy_winograd layer  # of the first group
    cdef const float *g
    cdef Py_ssize_t padded_out_channels, n_panels, n_pairs

    def __cinit__(self, WinogradShape shape not None, panels, transformed=None):
        cdef const float[::1] given
        cdef const float[::1] g = np.frombuffer(panels.weight_memory, np.float32)
        cdef const float[::1] bias = np.frombuffer(panels.bias_memory, np.float32)
        for name in ("out_channels", "group_channels", "kernel_h", "kernel_w", "groups"):
            if getattr(panels, name) != getattr(shape, name):
                raise ValueError(f"panels: their {name} is not that of the shape")
        self.shape = shape
        self.panels = panels
        self.kernels = kernels_in(shape.kernels)
        self.turns = Turns()
        self.kept = {}
        self.padded_out_channels = bias.shape[0] // shape.groups
        self.n_panels = count_panels(&shape.layer, self.kernels)
        self.n_pairs = shape.layer.points_h * shape.layer.points_w
        self.g = &g[0]
        self.layer = shape.layer
        self.layer.bias = &bias[0]
        if transformed is not None:
            given = np.frombuffer(transformed, np.float32)
            if given.shape[0] != (
                shape.groups * self.n_pairs * self.padded_out_channels * shape.group_channels
            ):
                raise ValueError("transformed: the size does not match the shape")
            self.layer.weight = <float *> &given[0]
            self.kept["U"] = transformed
            self.is_given = True

    def transform(self, Py_ssize_t threads):
        """Make U now, if it is not there."""
        self.turns.do(lambda: self._transform_once(threads))

    def _transform_once(self, Py_ssize_t threads):
        """Make U, if it is not there: what `transform` does when it is its turn."""
        if not self.kept:
            self.make(threads)

    cdef int make(self, Py_ssize_t threads) except -1:
        """Make U of what g is now, in the memory that it has, if it has some."""
        if self.is_given:
            raise ValueError("U was given, and is not to be made anew")
        cdef Py_ssize_t task
        cdef float[::1] weight
        cdef int n_threads = threads_for(min(threads, self.shape.groups * self.n_panels))
        cdef AlignedMemory memory = self.kept.get("U")
        if memory is None:
            memory = AlignedMemory(
                4 * self.shape.groups * self.n_pairs * self.padded_out_channels
                * self.shape.group_channels
            )
        weight = np.frombuffer(memory, np.float32)
        for task in prange(
            self.shape.groups * self.n_panels, nogil=True, num_threads=n_threads,
            schedule="dynamic", chunksize=1,
        ):
            self.transform_panel(task // self.n_panels, task % self.n_panels, &weight[0])
        # What was kept first stays: bound kernels may read it already.
        memory = self.kept.setdefault("U", memory)
        self.layer.weight = <float *> memory.memory
        return 0

    cdef void transform_panel(
        self, Py_ssize_t group, Py_ssize_t panel, float *weight
    ) noexcept nogil:
        """Make U of a panel: of its out channels for all pairs of points."""
        cdef Py_ssize_t taps = self.layer.taps_h * self.layer.taps_w, i
        cdef Py_ssize_t pair_floats = self.padded_out_channels * self.layer.channels
        cdef Py_ssize_t first = panel * self.kernels.panel_width
        cdef const float *g = self.g + (group * self.padded_out_channels + first) * (
            self.layer.channels * taps
        )
        cdef float *u = weight + group * self.n_pairs * pair_floats + first * self.layer.channels
        for i in range(self.layer.points_h):
            self.kernels.winograd_weights(
                &self.layer, g, panel, i, u + i * self.layer.points_w * pair_floats, pair_floats
            )

    @property
    def transformed(self):
        """U, as a buffer of float32; None as long as it is not made."""
        return self.kept.get("U")

    @property
    def nbytes(self):
        """Bytes of U; 0 as long as it is not made."""
        return sum(memory.nbytes for memory in self.kept.values())


cdef class TransformWeights(Bound):
    """Make U of some weights anew, at each run: after an update of their panels.

    Parameters
    ----------
    packed : PackedWinograd
    """

    cdef PackedWinograd packed

    def __cinit__(self, PackedWinograd packed not None):
        self.packed = packed

    cdef int compute(self, Py_ssize_t threads) except -1:
        self.packed.make(threads)
        return 0


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


cdef class WinogradConv2d(Bound):
    """A convolution of padded images with stride 1, tile by tile, bound to its arrays.

    Parameters
    ----------
    packed : PackedWinograd
    x : float32, shape (N, P + R - 1, Q + S - 1, C) or larger, C-contiguous, padding included
    y : float32, shape (N, P, Q, O), out channels contiguous; pixels and rows may have gaps
    rows, columns : intp
        Where the tiles begin along each axis, and at the end P and Q.
    relu : bool

    Raises
    ------
    ValueError
        The arrays do not fit the weights.
    """

    cdef PackedWinograd packed
    cdef const float[:, :, :, ::1] x
    cdef float[:, :, :, :] y
    cdef acy_winograd layer  # its weights only after the first run
    cdef acy_winograd_tile *tiles
    cdef Py_ssize_t n_tiles  # of a group

    def __cinit__(
        self, PackedWinograd packed not None, const float[:, :, :, ::1] x,
        float[:, :, :, :] y, const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns, bint relu
    ):
        cdef Py_ssize_t groups = packed.shape.groups
        self.n_tiles = check_call(&packed.layer, groups, x, y, rows, columns)
        self.packed = packed
        self.x = x
        self.y = y
        if self.n_tiles:
            self.layer = describe_call(&packed.layer, packed.kernels.lanes, x, y, relu)
            self.tiles = list_tiles(&self.layer, groups, self.n_tiles, x, y, rows, columns)

    def __dealloc__(self):
        free(self.tiles)

    cdef int compute(self, Py_ssize_t threads) except -1:
        if self.n_tiles == 0:
            return 0
        if self.layer.weight is NULL:
            self.packed.transform(threads)
            self.layer.weight = self.packed.layer.weight
        convolve_tiles(self.packed, &self.layer, self.tiles, self.n_tiles, threads)
        return 0


cdef int convolve_tiles(
    PackedWinograd packed, const acy_winograd *bound, const acy_winograd_tile *tiles,
    Py_ssize_t n_tiles, Py_ssize_t threads
) except -1:
    """Compute block by block of tiles.

    Where there are fewer blocks than threads, or the weights are large, the threads share the steps
    of each block; else every thread takes whole blocks, and their V and M stay in its cache.
    """
    cdef acy_winograd layer = bound[0]
    cdef Cut cut = cut_into_blocks(
        n_tiles, packed.n_pairs * (layer.v_row + layer.m_row),
        packed.n_pairs * layer.channels * layer.m_row, packed.shape.groups, threads
    )
    layer.v_pair = odd_lines(cut.largest * layer.v_row)
    layer.m_pair = odd_lines(cut.largest * layer.m_row)
    cdef int n_threads = threads_for(threads if cut.shared else min(threads, cut.n_jobs))
    cdef Py_ssize_t scratch_floats = packed.n_pairs * (layer.v_pair + layer.m_pair)
    cdef acy_winograd *blocks = <acy_winograd *> malloc(n_threads * sizeof(acy_winograd))
    if blocks is NULL:
        raise MemoryError(f"no memory to describe {n_threads} blocks")
    cdef AlignedMemory memory
    cdef Py_ssize_t first, piece = tasks_at_a_time(
        cut.n_jobs,
        <double> n_tiles * packed.n_pairs * layer.channels * layer.out_channels
        * packed.shape.groups,
    )
    try:
        memory = take_scratch(4 * scratch_floats * (1 if cut.shared else n_threads))
        for first in range(0, cut.n_jobs, piece):
            run_blocks(
                packed.kernels, &layer, &cut, tiles, first, min(first + piece, cut.n_jobs), blocks,
                <float *> memory.memory, n_threads,
            )
            PyErr_CheckSignals()
    finally:
        free(blocks)
    give_back(memory)
    return 0


cdef void run_blocks(
    const acy_kernels *kernels, const acy_winograd *layer, const Cut *cut,
    const acy_winograd_tile *tiles, Py_ssize_t first, Py_ssize_t last, acy_winograd *blocks,
    float *scratch, int n_threads
) noexcept:
    """Run the jobs from `first` to before `last`.

    `blocks` and `scratch` have a part for each thread, or are shared.
    """
    cdef Py_ssize_t n_pairs = layer.points_h * layer.points_w, job
    cdef Py_ssize_t n_panels = count_panels(layer, kernels)
    cdef Py_ssize_t scratch_floats = n_pairs * (layer.v_pair + layer.m_pair)
    with nogil:
        if cut.shared:
            for job in range(first, last):
                describe_block(layer, cut, tiles, job, scratch, blocks)
                run_shared(kernels, blocks, n_pairs, n_panels, n_threads)
        else:
            for job in prange(
                first, last, num_threads=n_threads, schedule="dynamic", chunksize=1
            ):
                describe_block(
                    layer, cut, tiles, job, scratch + threadid() * scratch_floats,
                    blocks + threadid(),
                )
                run_whole(kernels, blocks + threadid(), n_pairs, n_panels)
