"""A plan bound to memory: every step with the views it reads and writes, made once and run often.

A view takes Python a few microseconds to make, and a pass needs dozens: bound anew for every pass
of one image they took 0.4 ms of seven.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np

from alexnet_cy import _layout, _lrn, _pool, _softmax
from alexnet_cy.engine.arena import Activation
from alexnet_cy.engine.arrays import Float32Array, aligned_zeros
from alexnet_cy.engine.packed import PackedWeights
from alexnet_cy.engine.plan import Plan, Step
from alexnet_cy.engine.winograd import block_taps, tile_cuts
from alexnet_cy.engine.winograd_passing import Tiling
from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool
from alexnet_cy.pixel_batch import PixelBatch
from alexnet_cy.records import record

__all__ = ["BoundStep", "Head", "Trunk", "Workspace"]

Kernel = Callable[[int], object]
"""A kernel and its arguments but for the last one, the number of threads."""


@record(frozen=True, slots=True)
class BoundStep:
    """A step of a plan, ready to run on its memory.

    Attributes
    ----------
    step : Step
    clear_padding : callable or None
        To be called first, if there is padding where another step may have written.
    run : callable
        Computes the step; called with the number of threads.
    result : ndarray of float32
        What it writes, (N, H, W, C) without padding or (N, F).
    """

    step: Step
    clear_padding: Callable[[], None] | None
    run: Kernel
    result: Float32Array


class Trunk:
    """The image-shaped steps for a number of images, and the door in front of them."""

    def __init__(
        self, plan: Plan, packed: PackedWeights, n_images: int, arena: Float32Array, block: int
    ) -> None:
        def views(activation: Activation) -> tuple[Float32Array, Float32Array]:
            whole = activation.whole(arena, n_images, block)
            return whole, activation.inside(whole)

        self._plan = plan
        self._images = views(plan.input_activation)
        steps = []
        for step in plan.trunk:
            assert step.source is not None
            assert step.target is not None
            source, (whole, inside) = views(step.source), views(step.target)
            in_place = step.source is step.target
            clear = None if in_place else partial(step.target.clear_padding, whole)
            run = _bind_image_step(step, packed, source, whole, inside)
            steps.append(BoundStep(step, clear, run, inside))
        self.steps = tuple(steps)

    @property
    def features(self) -> int:
        """How many floats of an image the last step writes."""
        return prod(self.steps[-1].result.shape[1:])

    def write_vectors(self, vectors: Float32Array, threads: int) -> None:
        """Flatten the last step's result, a row in (C, H, W) order for every image.

        Parameters
        ----------
        vectors : ndarray of float32, shape (N, features), C-contiguous
        threads : int
        """
        result = self.steps[-1].result
        n_images, height, width, channels = result.shape
        _layout.nhwc_to_nchw(result, vectors.reshape(n_images, channels, height, width), threads)

    def take_images(self, images: Float32Array | PixelBatch, threads: int) -> None:
        """Lay (N, C, H, W) images out for the first convolution: padded NHWC, or in blocks."""
        first = self._plan.trunk[0].layer
        assert isinstance(first, Conv)
        whole, inside = self._images
        in_blocks = inside.shape[3] != images.shape[1]
        if isinstance(images, PixelBatch):
            block = first.stride if in_blocks else (1, 1)
            corner = (first.padding[0][0], first.padding[1][0])
            pixels, table = images.values, images.table
            _layout.pixels_to_depth(pixels, images.channels, table, whole, block, corner, threads)
        elif not in_blocks:
            self._plan.input_activation.clear_padding(whole)
            _layout.nchw_to_nhwc(images, inside, threads)
        else:
            (top, _), (left, _) = first.padding
            _layout.space_to_depth(images, whole, first.stride, (top, left), threads)


class Head:
    """The fully connected steps and softmax for a number of images; `vectors` is their input."""

    def __init__(self, plan: Plan, packed: PackedWeights, vectors: Float32Array) -> None:
        self.vectors = vectors
        steps = []
        for step in plan.head:
            y = np.empty((len(vectors), *step.output_shape), np.float32)
            steps.append(BoundStep(step, None, _bind_vector_step(step, packed, vectors, y), y))
            vectors = y
        self.steps = tuple(steps)


class Workspace:
    """The memory of one pass at a time, and a plan's steps bound to it.

    Parameters
    ----------
    plan : Plan
    packed : PackedWeights
    block : int
        The most images that go through the trunk together.
    """

    def __init__(self, plan: Plan, packed: PackedWeights, block: int) -> None:
        self.block = block
        self._plan = plan
        self._packed = packed
        self._arena = aligned_zeros((plan.arena_floats * block,))
        self._trunks: dict[int, Trunk] = {}
        self._head: Head | None = None

    def trunk(self, n_images: int) -> Trunk:
        """Return the trunk for at most `block` images."""
        if n_images not in self._trunks:
            trunk = Trunk(self._plan, self._packed, n_images, self._arena, self.block)
            self._trunks[n_images] = trunk
        return self._trunks[n_images]

    def head(self, trunk: Trunk, n_images: int) -> Head:
        """Return the head for any number of images whose vectors come from `trunk`.

        Only the last one is kept: the memory of those for many images is not small.
        """
        if self._head is None or len(self._head.vectors) != n_images:
            vectors = np.empty((n_images, trunk.features), np.float32)
            self._head = Head(self._plan, self._packed, vectors)
        return self._head


def _bind_image_step(
    step: Step,
    packed: PackedWeights,
    source: tuple[Float32Array, Float32Array],
    whole: Float32Array,
    inside: Float32Array,
) -> Kernel:
    """Bind a step of the trunk; of source and target there are views with and without padding."""
    layer, kernels = step.layer, packed.kernels
    if step.relu_only:  # over the padding as well: max(0, 0) is 0
        flat = whole.reshape(-1)
        return partial(_softmax.relu, kernels, flat, flat)
    if isinstance(layer, Conv):
        return _bind_conv(layer, step, packed, source[0], inside)
    if isinstance(layer, LRN):
        return partial(_lrn.local_response_norm, kernels, inside, inside, *_norm_of(layer))
    if isinstance(layer, MaxPool):
        padding = (layer.padding[0][0], layer.padding[1][0])
        window: tuple[Any, ...] = (layer.kernel_size, layer.stride, padding)
        if step.norm is None:
            return partial(_pool.max_pool2d, kernels, source[1], inside, *window)
        norm = _norm_of(step.norm)
        return partial(_lrn.norm_and_pool, kernels, source[1], inside, norm, *window)
    assert isinstance(layer, AdaptiveAvgPool)
    return partial(_pool.adaptive_avg_pool2d, kernels, source[1], inside)


def _bind_conv(
    layer: Conv, step: Step, packed: PackedWeights, padded: Float32Array, result: Float32Array
) -> Kernel:
    conv = packed.conv(layer.name)
    if step.algorithm == "winograd":
        taps = block_taps(layer.kernel_size, layer.stride)
        rows, columns = (tile_cuts(n, r) for n, r in zip(result.shape[1:3], taps, strict=True))
        return partial(conv.run_winograd, Tiling(padded, result, rows, columns), step.relu)
    return partial(conv.run, padded, result, step.algorithm == "im2col", step.relu)


def _bind_vector_step(
    step: Step, packed: PackedWeights, x: Float32Array, y: Float32Array
) -> Kernel:
    if step.relu_only:
        return partial(_softmax.relu, packed.kernels, x.reshape(-1), y.reshape(-1))
    if isinstance(step.layer, Linear):
        return partial(packed.linear(step.layer.name).run, x, y, step.relu)
    return partial(_softmax.softmax, packed.kernels, x, y)


def _norm_of(layer: LRN) -> tuple[int, float, float, float]:
    return layer.size, layer.ops_alpha, layer.beta, layer.k
