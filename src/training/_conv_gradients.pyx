"""What a convolution learns: the gradients of its weights and bias, and its weights turned round."""
from cpython.exc cimport PyErr_CheckSignals
from cython.parallel cimport prange, threadid

from kernels cimport acy_kernels, kernels_in
from nhwc_images cimport image_of
from training_kernels cimport (
    ACY_OUTER_STEPS, acy_conv_gradient, acy_training_of, check_length, check_no_gaps,
)

from alexnet_cy.kernels._bound cimport Bound
from alexnet_cy.kernels._pieces cimport tasks_at_a_time
from alexnet_cy.kernels._runtime cimport AlignedMemory, give_back, take_scratch, threads_for

import numpy as np


cdef class ConvWeightGradient(Bound):
    """gradient[r, s, c, o] (+)= sum of x[n, p * stride_h + r, q * stride_w + s, c] e[n, p, q, o].

    Direct, bound to its arrays. One chain of multiply-adds over the pixels, images ascending: the
    bits do not depend on threads, nor on how a batch is cut into blocks.

    Parameters
    ----------
    like : PackedConv
        Gives the shape and the layout; its weights are not read.
    x : float32, shape (N, H, W, C), C-contiguous, padding included
    e : float32, shape (N, P, Q, O), channels contiguous
        The gradient in front of the ReLU.
    gradient : float32, flat
        In the layout of ``like.weight_memory``, and as long.
    stride_h, stride_w : int, at least 1
    accumulate : bool
        Add to what `gradient` holds, or write it anew.

    Raises
    ------
    ValueError
        The arrays do not fit the weights.
    """

    cdef const acy_kernels *kernels
    cdef const float[:, :, :, ::1] x
    cdef const float[:, :, :, :] e
    cdef float[::1] gradient
    cdef acy_conv_gradient call
    cdef Py_ssize_t groups, n_panels, n_runs, kernel_w, group_channels

    def __cinit__(
        self, like, const float[:, :, :, ::1] x, const float[:, :, :, :] e, float[::1] gradient,
        Py_ssize_t stride_h, Py_ssize_t stride_w, bint accumulate
    ):
        cdef Py_ssize_t kernel_h = like.kernel_h
        self.kernels = kernels_in(like.capsule)
        self.groups = like.groups
        self.kernel_w = like.kernel_w
        self.group_channels = like.group_channels
        if (
            x.shape[3] != self.group_channels * self.groups or e.shape[0] != x.shape[0]
            or e.shape[3] != like.out_channels
        ):
            raise ValueError("x, e: shapes do not match the weights")
        if (
            (e.shape[1] - 1) * stride_h + kernel_h > x.shape[1]
            or (e.shape[2] - 1) * stride_w + self.kernel_w > x.shape[2]
        ):
            raise ValueError("x: too small for e")
        check_no_gaps(e, "e")
        check_length(gradient, like.weight_memory.nbytes // 4, "gradient")
        self.x = x
        self.e = e
        self.gradient = gradient
        # Without groups, the taps of a kernel row and their channels are one run.
        cdef Py_ssize_t row_stride = x.shape[2] * x.shape[3]
        self.n_runs = kernel_h if self.groups == 1 else kernel_h * self.kernel_w
        self.call.run = self.group_channels * (self.kernel_w if self.groups == 1 else 1)
        self.call.row_runs = 1 if self.groups == 1 else self.kernel_w
        self.call.run_step_h = row_stride
        self.call.run_step_w = x.shape[3]
        self.call.depth = self.n_runs * self.call.run
        self.call.input_image_stride = x.shape[1] * row_stride
        self.call.input_step_h = stride_h * row_stride
        self.call.input_step_w = stride_w * x.shape[3]
        self.call.e_image_stride = e.strides[0] // sizeof(float)
        self.call.e_row_stride = e.strides[1] // sizeof(float)
        self.call.e_pixel_stride = e.strides[2] // sizeof(float)
        self.call.images = e.shape[0]
        self.call.out_height = e.shape[1]
        self.call.out_width = e.shape[2]
        self.call.out_channels = e.shape[3] // self.groups
        self.call.accumulate = accumulate
        self.n_panels = (
            self.call.out_channels + self.kernels.panel_width - 1
        ) // self.kernels.panel_width

    cdef int compute(self, Py_ssize_t threads) except -1:
        # Each task packs its panel of e anew: so many runs as leave four tasks a thread.
        cdef Py_ssize_t panels = self.groups * self.n_panels, task
        cdef Py_ssize_t parts = min(self.n_runs, (4 * threads + panels - 1) // panels)
        cdef Py_ssize_t n_tasks = panels * parts
        cdef Py_ssize_t scratch_floats = ACY_OUTER_STEPS * self.kernels.panel_width
        cdef int n_threads = threads_for(min(threads, n_tasks))
        cdef AlignedMemory memory = take_scratch(4 * n_threads * scratch_floats)
        cdef float *scratch = <float *> memory.memory
        cdef acy_conv_gradient block = self.call
        block.gradient = &self.gradient[0]
        # A piece is some of the images: the next one goes on with their sums.
        cdef Py_ssize_t N = self.x.shape[0], first, piece = tasks_at_a_time(
            N,
            <double> N * block.out_height * block.out_width * self.e.shape[3] * block.depth,
        )
        for first in range(0, max(N, 1), piece):
            block.images = min(piece, N - first)
            block.accumulate = self.call.accumulate or first > 0
            if block.images * self.x.shape[1] * block.out_height * block.out_width:
                block.input = &self.x[first, 0, 0, 0]
                block.e = &self.e[first, 0, 0, 0]
            for task in prange(
                n_tasks, nogil=True, num_threads=n_threads, schedule="dynamic", chunksize=1
            ):
                self.run_task(&block, task, parts, scratch + threadid() * scratch_floats)
            PyErr_CheckSignals()
        give_back(memory)
        return 0

    cdef void run_task(
        self, const acy_conv_gradient *block, Py_ssize_t task, Py_ssize_t parts, float *scratch
    ) noexcept nogil:
        """One of `parts` ranges of the runs of one panel of one group."""
        cdef Py_ssize_t part = task % parts, group = task // parts // self.n_panels
        cdef acy_conv_gradient call = block[0]
        call.input += group * self.group_channels
        call.e += group * call.out_channels
        call.gradient += group * (self.gradient.shape[0] // self.groups)
        acy_training_of(self.kernels).conv_gradient(
            &call, task // parts % self.n_panels, part * self.n_runs // parts,
            (part + 1) * self.n_runs // parts, scratch,
        )


cdef class ChannelSums(Bound):
    """gradient[o] (+)= sum of e[n, p, q, o], the gradient of a bias, bound to its arrays.

    One partial sum an image, images ascending.

    Parameters
    ----------
    kernels : capsule of `_runtime.kernels_of`
    e : float32, shape (N, P, Q, O), channels contiguous
        Of a fully connected layer (N, 1, 1, O).
    gradient : float32, flat
        In the layout of ``PackedConv.bias_memory`` or ``PackedLinear.bias_memory``: for each group
        its channels, then padding, which stays as it is.
    groups : int, divides O
    accumulate : bool
        Add to what `gradient` holds, or write it anew.

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """

    cdef const acy_kernels *kernels
    cdef float[:, :, :, :] e
    cdef float[::1] gradient
    cdef Py_ssize_t groups
    cdef bint accumulate

    def __cinit__(
        self, kernels, float[:, :, :, :] e, float[::1] gradient, Py_ssize_t groups, bint accumulate
    ):
        if groups < 1 or e.shape[3] % groups or gradient.shape[0] % groups:
            raise ValueError(
                f"groups: {groups} does not divide {e.shape[3]} channels and "
                f"{gradient.shape[0]} floats"
            )
        if gradient.shape[0] < e.shape[3]:
            raise ValueError(f"gradient: got {gradient.shape[0]} floats for {e.shape[3]} channels")
        check_no_gaps(e, "e")
        self.kernels = kernels_in(kernels)
        self.e = e
        self.gradient = gradient
        self.groups = groups
        self.accumulate = accumulate

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t N = self.e.shape[0], O = self.e.shape[3], n
        cdef int n_threads = threads_for(min(threads, N))
        cdef AlignedMemory memory = take_scratch(4 * N * O)
        cdef float *sums = <float *> memory.memory
        for n in prange(N, nogil=True, num_threads=n_threads, schedule="static"):
            self.sum_image(n, sums + n * O)
        self.add_images(sums)
        give_back(memory)
        return 0

    cdef void sum_image(self, Py_ssize_t n, float *sums) noexcept nogil:
        cdef Py_ssize_t o
        for o in range(self.e.shape[3]):
            sums[o] = 0
        if self.e.shape[1] * self.e.shape[2] * self.e.shape[3]:
            image = image_of(self.e, n)
            acy_training_of(self.kernels).channel_sums(&image, sums)

    cdef void add_images(self, const float *sums) noexcept:
        cdef Py_ssize_t O = self.e.shape[3], n, o, place
        cdef Py_ssize_t group_out = O // self.groups, padded = self.gradient.shape[0] // self.groups
        for o in range(O):
            place = o // group_out * padded + o % group_out
            if not self.accumulate:
                self.gradient[place] = 0
            for n in range(self.e.shape[0]):
                self.gradient[place] += sums[n * O + o]


cdef class RotateWeights(Bound):
    """target[c, o, r, s] = source[o, c, R - 1 - r, S - 1 - s], group by group, at each run.

    With `target`, the forward convolution of e, padded by R - 1 - padding, is the gradient by x.

    Parameters
    ----------
    source, target : PackedConv
        `target` has C out channels, O / groups channels a group, and the groups of `source`.

    Raises
    ------
    ValueError
        The shapes do not fit each other.
    """

    cdef object source, target
    cdef const acy_kernels *kernels
    cdef const float[::1] from_panels
    cdef float[::1] to_panels
    cdef Py_ssize_t groups, taps, out_channels, channels  # of a group

    def __cinit__(self, source, target):
        self.groups = source.groups
        self.channels = source.group_channels
        self.out_channels = source.out_channels // self.groups
        self.taps = source.kernel_h * source.kernel_w
        if (
            target.groups != self.groups or target.out_channels != self.channels * self.groups
            or target.group_channels != self.out_channels or target.kernel_h != source.kernel_h
            or target.kernel_w != source.kernel_w
        ):
            raise ValueError("target: its shape is not that of the turned weights")
        self.kernels = kernels_in(source.capsule)
        if kernels_in(target.capsule) != self.kernels:
            raise ValueError("target: packed for another instruction-set level")
        self.source = source
        self.target = target
        self.from_panels = np.frombuffer(source.weight_memory, np.float32)
        self.to_panels = np.frombuffer(target.weight_memory, np.float32)

    cdef int compute(self, Py_ssize_t threads) except -1:
        cdef Py_ssize_t task, n_tasks = self.groups * self.taps
        cdef int n_threads = threads_for(min(threads, n_tasks))
        for task in prange(
            n_tasks, nogil=True, num_threads=n_threads, schedule="dynamic", chunksize=1
        ):
            self.turn_tap(task // self.taps, task % self.taps)
        return 0

    cdef void turn_tap(self, Py_ssize_t group, Py_ssize_t tap) noexcept nogil:
        """Transpose the weights of one tap, in blocks of a panel of either."""
        cdef Py_ssize_t wide = self.kernels.panel_width, lanes = self.kernels.lanes
        cdef Py_ssize_t C = self.channels, O = self.out_channels
        cdef Py_ssize_t padded_c = (C + lanes - 1) // lanes * lanes
        cdef Py_ssize_t padded_o = (O + lanes - 1) // lanes * lanes
        cdef Py_ssize_t turned = self.taps - 1 - tap, c = 0, o = 0, width_c, width_o, i, j
        cdef const float *x
        cdef float *y
        while o < O:
            width_o = min(wide, padded_o - o)
            x = &self.from_panels[
                group * padded_o * C * self.taps + o * C * self.taps + tap * C * width_o
            ]
            c = 0
            while c < C:
                width_c = min(wide, padded_c - c)
                y = &self.to_panels[
                    group * padded_c * O * self.taps + c * O * self.taps + turned * O * width_c
                ]
                if o + width_o <= O:
                    self.kernels.pack_rows(
                        x + c * width_o, min(width_c, C - c), width_o, 1, width_c, y + o * width_c
                    )
                else:  # there is padding among the outputs
                    for i in range(min(width_c, C - c)):
                        for j in range(O - o):
                            y[(o + j) * width_c + i] = x[(c + i) * width_o + j]
                c += wide
            o += wide


def clear_beyond(like, float[::1] gradient, tuple block, tuple kernel):
    """Zero a gradient where weights, cut into blocks of the stride's size, are beyond the kernel.

    Parameters
    ----------
    like : PackedConv
        Of the weights cut into blocks, in one group (`engine.packed.winograd_packing`).
    gradient : float32, flat
        In the layout of ``like.weight_memory``.
    block : (stride_h, stride_w)
    kernel : (R, S)
        Before it was cut.

    Raises
    ------
    ValueError
        The arrays do not fit each other.
    """
    cdef Py_ssize_t block_h = block[0], block_w = block[1], kernel_h = kernel[0]
    cdef Py_ssize_t kernel_w = kernel[1], depth_channels = like.group_channels
    cdef const acy_kernels *kernels = kernels_in(like.capsule)
    check_length(gradient, like.weight_memory.nbytes // 4, "gradient")
    if like.groups != 1 or depth_channels % (block_h * block_w):
        raise ValueError(f"block: {block} does not divide {depth_channels} channels of one group")
    cdef Py_ssize_t taps_h = like.kernel_h, taps_w = like.kernel_w
    cdef Py_ssize_t channels = depth_channels // (block_h * block_w)
    cdef Py_ssize_t padded = gradient.shape[0] // (taps_h * taps_w * depth_channels)
    cdef Py_ssize_t first = 0, width, r, s, c, place, o
    while first < padded:
        width = min(kernels.panel_width, padded - first)
        for r in range(taps_h):
            for s in range(taps_w):
                for c in range(depth_channels):
                    place = c // channels
                    if (
                        r * block_h + place // block_w < kernel_h
                        and s * block_w + place % block_w < kernel_w
                    ):
                        continue
                    place = first * taps_h * taps_w * depth_channels + (
                        (r * taps_w + s) * depth_channels + c
                    ) * width
                    for o in range(width):
                        gradient[place + o] = 0
        first += width
