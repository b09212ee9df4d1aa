"""Runs a plan: the forward pass."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np

from alexnet_cy import _conv, _layout, _linear, _lrn, _pool, _softmax, _winograd
from alexnet_cy.engine.arena import Activation
from alexnet_cy.engine.arrays import Float32Array, aligned_zeros
from alexnet_cy.engine.packed import PackedWeights
from alexnet_cy.engine.plan import Plan, Step
from alexnet_cy.engine.winograd import block_taps, tile_cuts
from alexnet_cy.network import LRN, AdaptiveAvgPool, Conv, Linear, MaxPool

__all__ = ["Executor"]

Clock = Callable[[str, float], None]
"""Called with a step's name and its seconds."""


class Executor:
    """A plan and the weights it runs on; may be used by several threads at once.

    Every pass takes an arena of its own and leaves it here for the next one of the same size, so
    a second pass touches no new memory.
    """

    def __init__(self, plan: Plan, packed: PackedWeights) -> None:
        self.plan = plan
        self.packed = packed
        self._idle_arenas: list[tuple[int, Float32Array]] = []

    def run(
        self, images: Float32Array, threads: int, clock: Clock | None = None
    ) -> dict[str, Float32Array]:
        """Run the pass over a batch of any size.

        Parameters
        ----------
        images : ndarray of float32, shape (N, C, H, W), C-contiguous
        threads : int
        clock : callable, optional
            Called after every step of every block with its name and its seconds.

        Returns
        -------
        dict of str to ndarray
            For every feature of the plan, (N, C, H, W) or (N, F).
        """
        plan, n_images = self.plan, images.shape[0]
        results = {
            feature: np.empty((n_images, *step.output_shape), np.float32)
            for step in plan.steps
            for feature in step.features
        }
        block = min(plan.trunk_block, n_images)
        arena = self._take_arena(block)
        for start in range(0, n_images, plan.head_block):
            stop = min(start + plan.head_block, n_images)
            vectors = []
            for first in range(start, stop, plan.trunk_block):
                part = slice(first, min(first + plan.trunk_block, stop))
                vector = self._run_trunk(images, part, arena, block, results, threads, clock)
                if plan.head:
                    vectors.append(vector.copy())  # the next block writes over the arena
            if plan.head:
                self._run_head(np.concatenate(vectors), start, results, threads, clock)
        self._idle_arenas.append((block, arena))
        return results

    def _run_trunk(
        self,
        images: Float32Array,
        part: slice,
        arena: Float32Array,
        block: int,
        results: dict[str, Float32Array],
        threads: int,
        clock: Clock | None,
    ) -> Float32Array:
        """Run the image-shaped layers; return a view of the last one's output, a row per image."""
        n = part.stop - part.start

        def views(activation: Activation) -> tuple[Float32Array, Float32Array]:
            whole = activation.whole(arena, n, block)
            return whole, activation.inside(whole)

        started = perf_counter()
        self._take_images(images[part], *views(self.plan.input_activation), threads)
        for step in self.plan.trunk:
            assert step.source is not None
            assert step.target is not None
            source, (whole, inside) = views(step.source), views(step.target)
            if step.source is not step.target:
                step.target.clear_padding(whole)
            self._run_image_step(step, source, whole, inside, threads)
            for feature in step.features:
                _layout.nhwc_to_nchw(inside, results[feature][part], threads)
            if clock is not None:
                ended = perf_counter()
                clock(step.name, ended - started)
                started = ended
        return inside.reshape(n, -1)

    def _run_image_step(
        self,
        step: Step,
        source: tuple[Float32Array, Float32Array],
        whole: Float32Array,
        inside: Float32Array,
        threads: int,
    ) -> None:
        """Run one step: `whole` is with padding, `inside` without it."""
        layer, kernels = step.layer, self.packed.kernels
        if step.relu_only:  # over the padding as well: max(0, 0) is 0
            _softmax.relu(kernels, whole.reshape(-1), whole.reshape(-1), threads)
        elif isinstance(layer, Conv):
            self._run_conv(layer, step, source[0], inside, threads)
        elif isinstance(layer, LRN):
            _lrn.local_response_norm(kernels, inside, inside, *_norm_of(layer), threads)
        elif isinstance(layer, MaxPool):
            padding = (layer.padding[0][0], layer.padding[1][0])
            window = (layer.kernel_size, layer.stride, padding)
            if step.norm is None:
                _pool.max_pool2d(kernels, source[1], inside, *window, threads)
            else:
                norm = _norm_of(step.norm)
                _lrn.norm_and_pool(kernels, source[1], inside, norm, *window, threads)
        else:
            assert isinstance(layer, AdaptiveAvgPool)
            _pool.adaptive_avg_pool2d(kernels, source[1], inside, threads)

    def _run_conv(
        self,
        layer: Conv,
        step: Step,
        padded: Float32Array,
        result: Float32Array,
        threads: int,
    ) -> None:
        if step.algorithm != "winograd":
            packed = self.packed.conv(layer.name)
            copy_columns = step.algorithm == "im2col"
            _conv.conv2d(packed, padded, result, *layer.stride, step.relu, copy_columns, threads)
            return
        taps = block_taps(layer.kernel_size, layer.stride)
        rows, columns = (tile_cuts(n, r) for n, r in zip(result.shape[1:3], taps, strict=True))
        transformed = self.packed.winograd(layer.name)
        _winograd.conv2d(transformed, padded, result, rows, columns, step.relu, threads)

    def _take_images(
        self, images: Float32Array, whole: Float32Array, inside: Float32Array, threads: int
    ) -> None:
        """Lay the images out for the first convolution: NHWC and padded, or in blocks."""
        activation, first = self.plan.input_activation, self.plan.trunk[0].layer
        assert isinstance(first, Conv)
        if activation.shape[2] == images.shape[1]:
            activation.clear_padding(whole)
            _layout.nchw_to_nhwc(images, inside, threads)
        else:
            (top, _), (left, _) = first.padding
            _layout.space_to_depth(images, whole, first.stride, (top, left), threads)

    def _run_head(
        self,
        x: Float32Array,
        start: int,
        results: dict[str, Float32Array],
        threads: int,
        clock: Clock | None,
    ) -> None:
        """Run the fully connected layers and softmax on rows of features."""
        started = perf_counter()
        for step in self.plan.head:
            y = np.empty((len(x), *step.output_shape), np.float32)
            if step.relu_only:
                _softmax.relu(self.packed.kernels, x.reshape(-1), y.reshape(-1), threads)
            elif isinstance(step.layer, Linear):
                _linear.linear(self.packed.linear(step.layer.name), x, y, step.relu, threads)
            else:
                _softmax.softmax(self.packed.kernels, x, y, threads)
            for feature in step.features:
                results[feature][start : start + len(x)] = y
            x = y
            if clock is not None:
                ended = perf_counter()
                clock(step.name, ended - started)
                started = ended

    def _take_arena(self, block: int) -> Float32Array:
        """Reuse an idle arena of the block's size, or make one; list operations are atomic."""
        try:
            size, arena = self._idle_arenas.pop()
        except IndexError:
            size, arena = -1, aligned_zeros((0,))
        return arena if size == block else aligned_zeros((self.plan.arena_floats * block,))


def _norm_of(layer: LRN) -> tuple[int, float, float, float]:
    return layer.size, layer.ops_alpha, layer.beta, layer.k
