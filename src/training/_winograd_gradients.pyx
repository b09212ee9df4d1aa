"""The gradient of a Winograd convolution's weights: the adjoint of its three steps."""
from cpython.exc cimport PyErr_CheckSignals
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython.parallel cimport prange
from libc.stdlib cimport free

from kernels cimport acy_kernels, acy_winograd, acy_winograd_tile, kernels_in
from cache_lines cimport odd_lines
from training_kernels cimport acy_training, acy_training_of, check_length
from winograd_blocks cimport count_panels, layer_capsule_name
from winograd_calls cimport check_call, describe_call, list_tiles

from alexnet_cy.kernels._bound cimport Bound
from alexnet_cy.kernels._runtime cimport AlignedMemory, give_back, take_scratch, threads_for

cdef enum:
    # V and D of a block of tiles: 8 MiB, which the last cache holds beside dU.
    BLOCK_FLOATS = 2097152
    # A large dU comes from memory, and goes back, once a block: then blocks are as large as it is,
    # up to 16 MiB.
    LARGE_BLOCK_FLOATS = 4194304
    # but no fewer tiles, or the sums go to memory and back too often.
    FEWEST_TILES = 24


cdef const acy_winograd *layer_of(shape) except NULL:
    return <const acy_winograd *> PyCapsule_GetPointer(shape.layer_capsule, layer_capsule_name())


cdef Py_ssize_t padded_out_channels(const acy_winograd *layer, const acy_kernels *kernels):
    return (layer.out_channels + kernels.lanes - 1) // kernels.lanes * kernels.lanes


def transformed_floats(shape):
    """Return the length of dU, for `WinogradWeightGradient`: U's.

    Parameters
    ----------
    shape : WinogradShape
    """
    cdef const acy_winograd *layer = layer_of(shape)
    return (
        shape.groups * layer.points_h * layer.points_w * layer.channels
        * padded_out_channels(layer, kernels_in(shape.kernels))
    )


cdef Py_ssize_t most_tiles(const acy_winograd *layer) noexcept:
    """Return how many tiles of a layer make a block, at most."""
    cdef Py_ssize_t n_pairs = layer.points_h * layer.points_w
    cdef Py_ssize_t du_floats = n_pairs * layer.channels * layer.m_row
    cdef Py_ssize_t floats = max(BLOCK_FLOATS, min(du_floats, LARGE_BLOCK_FLOATS))
    return max(FEWEST_TILES, floats // (n_pairs * (layer.v_row + layer.m_row)))


cdef class WinogradWeightGradient(Bound):
    """dU[i, j] (+)= V[i, j]^T (A e A^T)[i, j] over all tiles, bound to its arrays.

    Images ascending in one chain: the bits do not depend on threads, nor on how a batch is cut into
    blocks.

    Parameters
    ----------
    shape : WinogradShape
    x : float32, shape (N, P + R - 1, Q + S - 1, C) or larger, C-contiguous, padding included
    e : float32, shape (N, P, Q, O), channels contiguous; pixels and rows may have gaps
        The gradient in front of the ReLU.
    du : float32, flat, ``transformed_floats(shape)`` long
    rows, columns : intp
        Where the tiles begin along each axis, and at the end P and Q.
    accumulate : bool
        Add to what `du` holds, or write it anew.

    Raises
    ------
    ValueError
        The arrays do not fit the weights.
    """

    cdef object shape
    cdef const acy_kernels *kernels
    cdef acy_winograd layer
    cdef acy_winograd_tile *tiles
    cdef const float[:, :, :, ::1] x
    cdef float[:, :, :, :] e
    cdef float[::1] du
    cdef Py_ssize_t groups, n_tiles
    cdef bint accumulate

    def __cinit__(
        self, shape, const float[:, :, :, ::1] x, float[:, :, :, :] e, float[::1] du,
        const Py_ssize_t[::1] rows, const Py_ssize_t[::1] columns, bint accumulate
    ):
        cdef const acy_winograd *layer = layer_of(shape)
        self.shape = shape
        self.kernels = kernels_in(shape.kernels)
        self.groups = shape.groups
        check_length(du, transformed_floats(shape), "du")
        self.n_tiles = check_call(layer, self.groups, x, e, rows, columns)
        self.x = x
        self.e = e
        self.du = du
        self.accumulate = accumulate
        if self.n_tiles:
            self.layer = describe_call(layer, self.kernels.lanes, x, e, False)
            self.layer.v_row = odd_lines(self.layer.v_row)
            self.tiles = list_tiles(&self.layer, self.groups, self.n_tiles, x, e, rows, columns)

    def __dealloc__(self):
        free(self.tiles)

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t first, group, n_pairs, block, i
        cdef bint accumulate
        cdef acy_winograd call
        cdef AlignedMemory memory
        if self.n_tiles == 0:
            for i in range(0 if self.accumulate else self.du.shape[0]):
                self.du[i] = 0
            return 0
        n_pairs = self.layer.points_h * self.layer.points_w
        block = most_tiles(&self.layer)
        block = (self.n_tiles + block - 1) // block  # so many blocks, of about equal size
        block = (self.n_tiles + block - 1) // block
        self.layer.v_pair = odd_lines(block * self.layer.v_row)
        self.layer.m_pair = odd_lines(block * self.layer.m_row)
        memory = take_scratch(4 * n_pairs * (self.layer.v_pair + self.layer.m_pair))
        for group in range(self.groups):
            for first in range(0, self.n_tiles, block):
                call = self.layer
                call.tiles = self.tiles + group * self.n_tiles + first
                call.n_tiles = min(block, self.n_tiles - first)
                call.v = <float *> memory.memory
                call.m = call.v + n_pairs * call.v_pair
                accumulate = self.accumulate or first > 0
                self.run_block(&call, group, accumulate, threads)
                PyErr_CheckSignals()  # a block takes milliseconds
        give_back(memory)
        return 0

    cdef int run_block(
        self, const acy_winograd *block, Py_ssize_t group, bint accumulate, Py_ssize_t threads
    ) except -1:
        """The steps of a block of tiles, each shared out over the threads."""
        cdef const acy_training *training = acy_training_of(self.kernels)
        cdef Py_ssize_t n_pairs = block.points_h * block.points_w, i, n_tasks
        cdef Py_ssize_t n_panels = count_panels(block, self.kernels), parts = 1
        cdef float *du = &self.du[group * (self.du.shape[0] // self.groups)]
        cdef int n_threads = threads_for(min(threads, block.n_tiles))
        with nogil:
            for i in prange(block.n_tiles, num_threads=n_threads, schedule="static"):
                self.kernels.winograd_input(block, i, i + 1)
                training.winograd_error(block, i, i + 1)
        # Parts of the panels for every thread, if there are few pairs.
        while n_pairs * parts < 8 * threads and parts < n_panels:
            parts += 1
        n_tasks = n_pairs * parts
        n_threads = threads_for(min(threads, n_tasks))
        for i in prange(
            n_tasks, nogil=True, num_threads=n_threads, schedule="dynamic", chunksize=1
        ):
            training.winograd_products(
                block, i // parts, i // parts + 1, i % parts * n_panels // parts,
                (i % parts + 1) * n_panels // parts, du, accumulate,
            )
        return 0


cdef class WinogradKernelGradient(Bound):
    """gradient = G^T dU G, bound to its arrays: once a step, when all images are in dU.

    Parameters
    ----------
    shape : WinogradShape
    du : float32, flat, ``transformed_floats(shape)`` long
    gradient : float32, flat
        In the layout of ``PackedConv.weight_memory``, and as long.

    Raises
    ------
    ValueError
        The arrays do not fit the weights.
    """

    cdef object shape
    cdef const acy_kernels *kernels
    cdef const acy_winograd *layer
    cdef const float[::1] du
    cdef float[::1] gradient
    cdef Py_ssize_t groups, padded

    def __cinit__(self, shape, const float[::1] du, float[::1] gradient):
        self.shape = shape
        self.kernels = kernels_in(shape.kernels)
        self.layer = layer_of(shape)
        self.groups = shape.groups
        self.padded = padded_out_channels(self.layer, self.kernels)
        check_length(du, transformed_floats(shape), "du")
        check_length(
            gradient,
            self.groups * self.layer.taps_h * self.layer.taps_w * self.layer.channels * self.padded,
            "gradient",
        )
        self.du = du
        self.gradient = gradient

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t n_panels = count_panels(self.layer, self.kernels), task
        cdef int n_threads = threads_for(min(threads, self.groups * n_panels))
        for task in prange(
            self.groups * n_panels, nogil=True, num_threads=n_threads, schedule="dynamic",
            chunksize=1,
        ):
            self.transform_panel(task // n_panels, task % n_panels)
        return 0

    cdef void transform_panel(self, Py_ssize_t group, Py_ssize_t panel) noexcept nogil:
        cdef Py_ssize_t taps = self.layer.taps_h * self.layer.taps_w
        cdef Py_ssize_t pair_floats = self.padded * self.layer.channels
        cdef Py_ssize_t first = panel * self.kernels.panel_width * self.layer.channels
        acy_training_of(self.kernels).winograd_kernel(
            self.layer,
            &self.du[group * self.layer.points_h * self.layer.points_w * pair_floats + first],
            pair_floats, panel, &self.gradient[group * taps * pair_floats + first * taps],
        )
