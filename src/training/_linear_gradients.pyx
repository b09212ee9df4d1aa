"""What a fully connected layer learns and hands back: its gradients by weights and by inputs."""
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid

from kernels cimport acy_kernels, kernels_in
from cache_lines cimport odd_lines
from training_kernels cimport (
    ACY_LINEAR_DOTS, ACY_LINEAR_STRIP, acy_linear_data, acy_linear_gradient, acy_training,
    acy_training_of, check_length,
)

from alexnet_cy.kernels._bound cimport Bound
from alexnet_cy.kernels._pieces cimport tasks_at_a_time
from alexnet_cy.kernels._runtime cimport AlignedMemory, give_back, take_scratch, threads_for

import numpy as np

cdef enum:
    # Errors of a range of panels, at most: 512 KiB, half of an L2 cache.
    RANGE_FLOATS = 131072
    # Inputs whose weights are updated as soon as dx has read them, while the L2 cache holds them: a
    # register tile or two.
    UPDATED_INPUTS = 12


cdef int check_pair(
    like, const float[:, ::1] x, const float[:, ::1] e, str name
) except -1:
    if (
        x.shape[1] != like.in_features or e.shape[1] != like.out_features
        or e.shape[0] != x.shape[0]
    ):
        raise ValueError(f"{name}, e: shapes do not match the weights")
    return 0


cdef Py_ssize_t panel_step(const acy_kernels *kernels, const float[:, ::1] e) noexcept:
    """Return how far apart panels of errors are: never a multiple of 4096 bytes."""
    return odd_lines(kernels.panel_width * e.shape[0])


cdef Py_ssize_t panel_floats(const acy_kernels *kernels, const float[:, ::1] e) noexcept:
    """Return the length of what `pack_errors` writes."""
    cdef Py_ssize_t wide = kernels.panel_width
    return (e.shape[1] + wide - 1) // wide * panel_step(kernels, e)


cdef int pack_errors(
    const acy_kernels *kernels, const float[:, ::1] e, float *panels, Py_ssize_t threads
) except -1:
    """Lay errors out in panels, side by side for all images."""
    cdef Py_ssize_t N = e.shape[0], O = e.shape[1], wide = kernels.panel_width, panel
    cdef Py_ssize_t n_panels = (O + wide - 1) // wide, step = panel_step(kernels, e)
    cdef int n_threads = threads_for(min(threads, n_panels))
    for panel in prange(
        n_panels if N else 0, nogil=True, num_threads=n_threads, schedule="static"
    ):
        acy_training_of(kernels).linear_panel(&e[0, 0], N, O, panel, panels + panel * step)
    return 0


cdef class LinearDataGradient(Bound):
    """dx[n, k] = scale * sum over o of e[n, o] weight[o, k] where mask[n, k] > 0, else 0.

    Bound to its arrays. With the inputs x as the mask, which are behind a ReLU and perhaps dropout,
    dx is the gradient in front of these, `scale` being 1 / (1 - p).

    Parameters
    ----------
    packed : PackedLinear
    e : float32, shape (N, O), C-contiguous
    dx : float32, shape (N, I), C-contiguous
    mask : float32, shape (N, I), C-contiguous, or None
    scale : float

    Raises
    ------
    ValueError
        The arrays do not fit the weights.
    """

    cdef object packed
    cdef const acy_kernels *kernels
    cdef const float[::1] weight
    cdef const float[:, ::1] e, mask
    cdef float[:, ::1] dx
    cdef acy_linear_data call

    def __cinit__(
        self, packed, const float[:, ::1] e, float[:, ::1] dx, const float[:, ::1] mask,
        double scale
    ):
        check_pair(packed, dx, e, "dx")
        if mask is not None and (mask.shape[0] != dx.shape[0] or mask.shape[1] != dx.shape[1]):
            raise ValueError("mask: shape is not that of dx")
        self.packed = packed
        self.kernels = kernels_in(packed.capsule)
        self.weight = np.frombuffer(packed.weight_memory, np.float32)
        self.e = e
        self.dx = dx
        self.mask = mask
        self.call.row_stride = packed.row_stride
        self.call.scale = <float> scale

    cdef int describe(self, acy_linear_data *call, const float *panels) except -1:
        """Say what to compute from the panels of e; there are images."""
        call[0] = self.call
        call.e = panels
        call.e_panel = panel_step(self.kernels, self.e)
        call.n_images = self.e.shape[0]
        call.out_features = self.e.shape[1]
        call.weight = &self.weight[0]
        call.mask = &self.mask[0, 0] if self.mask is not None else NULL
        call.dx = &self.dx[0, 0]
        call.dx_stride = self.dx.shape[1]
        return 0

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t N = self.e.shape[0], depth = self.dx.shape[1], first, begin, stop
        cdef acy_linear_data call
        if N == 0:
            return 0
        cdef Py_ssize_t floats = panel_floats(self.kernels, self.e)
        cdef Py_ssize_t scratch_floats = ACY_LINEAR_DOTS * N * self.kernels.lanes
        cdef Py_ssize_t n_tasks = (depth + ACY_LINEAR_DOTS - 1) // ACY_LINEAR_DOTS, end
        cdef int n_threads = threads_for(min(threads, n_tasks))
        cdef AlignedMemory memory = take_scratch(4 * (floats + n_threads * scratch_floats))
        cdef float *scratch = <float *> memory.memory + floats
        pack_errors(self.kernels, self.e, <float *> memory.memory, threads)
        self.describe(&call, <float *> memory.memory)
        cdef Py_ssize_t piece = ACY_LINEAR_DOTS * tasks_at_a_time(
            n_tasks, <double> N * depth * self.e.shape[1]
        )
        for begin in range(0, depth, piece):
            stop = min(begin + piece, depth)
            for first in prange(
                begin, stop, ACY_LINEAR_DOTS, nogil=True, num_threads=n_threads,
                schedule="dynamic", chunksize=1,
            ):
                end = min(first + ACY_LINEAR_DOTS, depth)
                acy_training_of(self.kernels).linear_data(
                    &call, first, end, end, scratch + threadid() * scratch_floats
                )
            PyErr_CheckSignals()
        give_back(memory)
        return 0


cdef int describe_products(
    const acy_kernels *kernels, acy_linear_gradient *call, const float[:, ::1] x,
    const float[:, ::1] e, const float *panels
) except -1:
    """Fill in what is multiplied."""
    call.n_images = x.shape[0]
    call.out_features = e.shape[1]
    call.x = &x[0, 0] if x.shape[0] else NULL
    call.x_stride = x.shape[1]
    call.e = panels
    call.e_panel = panel_step(kernels, e)
    return 0


cdef int add_products(
    const acy_kernels *kernels, acy_linear_gradient *call, const float[:, ::1] x,
    const float[:, ::1] e, Py_ssize_t threads
) except -1:
    """Fill in x and e; share strips of inputs and ranges of panels out over the threads."""
    cdef const acy_training *training = acy_training_of(kernels)
    cdef Py_ssize_t N = x.shape[0], depth = x.shape[1], wide = kernels.panel_width
    cdef Py_ssize_t n_panels = (e.shape[1] + wide - 1) // wide
    cdef Py_ssize_t ranges = (N * e.shape[1] + RANGE_FLOATS - 1) // RANGE_FLOATS
    ranges = min(max(ranges, 1), n_panels)
    cdef Py_ssize_t strips = (depth + ACY_LINEAR_STRIP - 1) // ACY_LINEAR_STRIP
    cdef Py_ssize_t n_tasks = ranges * strips, task, part, strip
    cdef Py_ssize_t scratch_floats = N * (ACY_LINEAR_STRIP + 16)
    cdef int n_threads = threads_for(min(threads, n_tasks))
    cdef Py_ssize_t floats = panel_floats(kernels, e)
    cdef AlignedMemory memory = take_scratch(4 * (floats + n_threads * scratch_floats))
    cdef float *scratch = <float *> memory.memory + floats
    pack_errors(kernels, e, <float *> memory.memory, threads)
    describe_products(kernels, call, x, e, <float *> memory.memory)
    cdef Py_ssize_t first, last, piece = tasks_at_a_time(
        n_tasks, <double> N * depth * e.shape[1]
    )
    for first in range(0, n_tasks, piece):
        last = min(first + piece, n_tasks)
        for task in prange(
            first, last, nogil=True, num_threads=n_threads, schedule="dynamic", chunksize=1
        ):
            part = task // strips
            strip = task % strips
            training.linear_gradient(
                call, strip * ACY_LINEAR_STRIP, min((strip + 1) * ACY_LINEAR_STRIP, depth),
                part * n_panels // ranges, (part + 1) * n_panels // ranges,
                scratch + threadid() * scratch_floats,
            )
        PyErr_CheckSignals()
    give_back(memory)
    return 0


cdef void update_inputs(
    const acy_training *training, const acy_linear_gradient *update, const acy_linear_data *data,
    Py_ssize_t n_panels, Py_ssize_t begin, Py_ssize_t end, float *dots, float *strip
) noexcept nogil:
    """Compute dx of the inputs [begin, end), and update their weights."""
    cdef Py_ssize_t further
    while begin < end:
        further = min(begin + UPDATED_INPUTS, end)
        training.linear_data(data, begin, further, end, dots)
        training.linear_gradient(update, begin, further, 0, n_panels, strip)
        begin = further


cdef int update_in_turn(
    const acy_kernels *kernels, acy_linear_gradient *call, LinearDataGradient data,
    const float[:, ::1] x, const float[:, ::1] e, Py_ssize_t threads
) except -1:
    """Compute dx from a few inputs' weights, update these, and go on to the next ones."""
    cdef const acy_training *training = acy_training_of(kernels)
    cdef Py_ssize_t N = x.shape[0], depth = x.shape[1], wide = kernels.panel_width
    cdef Py_ssize_t n_panels = (e.shape[1] + wide - 1) // wide, first
    cdef Py_ssize_t scratch_floats = (
        ACY_LINEAR_DOTS * N * kernels.lanes + N * (ACY_LINEAR_STRIP + 16)
    )
    cdef Py_ssize_t n_tasks = (depth + ACY_LINEAR_DOTS - 1) // ACY_LINEAR_DOTS
    cdef int n_threads = threads_for(min(threads, n_tasks))
    cdef Py_ssize_t floats = panel_floats(kernels, e)
    cdef AlignedMemory memory = take_scratch(4 * (floats + n_threads * scratch_floats))
    cdef float *scratch = <float *> memory.memory + floats
    cdef acy_linear_data data_call
    pack_errors(kernels, e, <float *> memory.memory, threads)
    describe_products(kernels, call, x, e, <float *> memory.memory)
    data.describe(&data_call, <float *> memory.memory)
    for first in prange(
        0, depth, ACY_LINEAR_DOTS, nogil=True, num_threads=n_threads, schedule="dynamic",
        chunksize=1,
    ):
        update_inputs(
            training, call, &data_call, n_panels, first, min(first + ACY_LINEAR_DOTS, depth),
            scratch + threadid() * scratch_floats,
            scratch + threadid() * scratch_floats + ACY_LINEAR_DOTS * N * kernels.lanes,
        )
    give_back(memory)
    return 0


cdef class LinearWeightGradient(Bound):
    """gradient[k, o] (+)= sum over n of x[n, k] e[n, o], bound to its arrays; images ascending.

    Parameters
    ----------
    like : PackedLinear
        Gives the shape and the layout; its weights are not read.
    x : float32, shape (N, I), C-contiguous
    e : float32, shape (N, O), C-contiguous
    gradient : float32, flat
        In the layout of ``like.weight_memory``, and as long. Of the padding of a row, what belongs
        to the last vector becomes zero, and the rest stays.
    accumulate : bool
        Add to what `gradient` holds, or write it anew.

    Raises
    ------
    ValueError
        The arrays do not fit the weights.
    """

    cdef const acy_kernels *kernels
    cdef const float[:, ::1] x, e
    cdef float[::1] gradient
    cdef acy_linear_gradient call

    def __cinit__(
        self, like, const float[:, ::1] x, const float[:, ::1] e, float[::1] gradient,
        bint accumulate
    ):
        check_pair(like, x, e, "x")
        check_length(gradient, like.row_stride * like.in_features, "gradient")
        self.kernels = kernels_in(like.capsule)
        self.x = x
        self.e = e
        self.gradient = gradient
        self.call.gradient = &gradient[0]
        self.call.row_stride = like.row_stride
        self.call.accumulate = accumulate

    cdef int compute(self, Py_ssize_t threads) except -1:
        return add_products(self.kernels, &self.call, self.x, self.e, threads)


def linear_update(
    packed, const float[:, ::1] x, const float[:, ::1] e, float[::1] velocity,
    double learning_rate, double momentum, double decay, bint rate_inside,
    LinearDataGradient data, Py_ssize_t threads
):
    """Do `LinearWeightGradient` and `_update.sgd` of the weights in one pass, with their bits.

    The gradient never leaves the registers: at 32 images writing and reading it costs more than the
    products.

    Parameters
    ----------
    packed : PackedLinear
        Its weights are updated in place.
    x : float32, shape (N, I), C-contiguous
    e : float32, shape (N, O), C-contiguous
    velocity : float32, flat
        In the layout of ``packed.weight_memory``, and as long; padding stays zero.
    learning_rate, momentum, decay, rate_inside
        As for `_update.sgd`.
    data : LinearDataGradient or None
        Bound to `packed` and `e`: is computed too, from the weights as they were. Where e fits the
        cache, every weight is read once for both.
    threads : int

    Raises
    ------
    ValueError
        The arrays do not fit the weights, or there are no images.
    """
    cdef acy_linear_gradient call
    cdef float[::1] weight = np.frombuffer(packed.weight_memory, np.float32)
    check_pair(packed, x, e, "x")
    check_length(velocity, weight.shape[0], "velocity")
    if x.shape[0] == 0:
        raise ValueError("x: an update needs images, got none")
    call.gradient = &weight[0]
    call.row_stride = packed.row_stride
    call.accumulate = False
    call.velocity = &velocity[0]
    call.sgd.rate = <float> learning_rate
    call.sgd.momentum = <float> momentum
    call.sgd.decay = <float> decay
    call.sgd.rate_inside = rate_inside
    if data is not None and (data.packed is not packed or &data.e[0, 0] != &e[0, 0]):
        raise ValueError("data: is bound to other arrays than packed and e")
    if data is not None and e.shape[0] * e.shape[1] <= RANGE_FLOATS:
        update_in_turn(kernels_in(packed.capsule), &call, data, x, e, threads)
        return
    if data is not None:
        data.run(threads)
    add_products(kernels_in(packed.capsule), &call, x, e, threads)
