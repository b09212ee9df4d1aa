"""The layers before the fully connected ones: forward and backward, in blocks of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.engine.plan.plan import TRUNK_BLOCK
from alexnet_cy.engine.run.pace import Pace
from alexnet_cy.kernels import _layout
from alexnet_cy.kernels._bound import Bound, run_all
from alexnet_cy.kernels._runtime import involuntary_switches, spread_threads
from alexnet_cy.kernels.training import _pool_gradients
from alexnet_cy.machine.threads import threads_now
from alexnet_cy.training.step.batch import blocks_of
from alexnet_cy.training.step.image_input import Images, lay_out
from alexnet_cy.training.step.stage_kernels import bind_backward, bind_forward
from alexnet_cy.training.step.stages import Stage
from alexnet_cy.training.step.trunk_memory import TrunkMemory

__all__ = ["Clock", "Trunk", "input_gradient"]

Clock = Callable[[str], None]
"""Called with the name of what has just been done."""

Bounds = tuple[Bound, ...]


class Trunk:
    """The stages for images of one size, bound to memory.

    Parameters
    ----------
    stages : sequence of Stage
    n_images : int
        The most whose activations are held at once.
    kernels : capsule
    block : int
        Images that go through the stages together; no bit of a result depends on it.
    """

    def __init__(
        self, stages: Sequence[Stage], n_images: int, kernels: object, block: int = TRUNK_BLOCK
    ) -> None:
        self.stages = tuple(stages)
        self.learns = any(stage.learns or stage.passes_on for stage in stages)
        self.n_images = n_images
        self._block = min(block, n_images)
        self._kernels = kernels
        self._pace = Pace()
        for stage in stages:
            if stage.conv is not None and stage.passes_on:
                stage.conv.prepare_data_gradient()
        self.memory = TrunkMemory(stages, n_images, self._block)
        self._forward: dict[tuple[int, int], tuple[Bounds, ...]] = {}
        self._backward: dict[tuple[int, int, bool], tuple[tuple[Bounds, Bounds], ...]] = {}
        height, width, channels = stages[-1].target.shape
        self._out_shape = channels, height, width

    def forward(
        self, images: Images, rows: Float32Array, threads: int, clock: Clock | None = None
    ) -> None:
        """Compute the last value of all images, and keep what backward needs.

        Parameters
        ----------
        images : Images
            As many as `n_images` at most.
        rows : float32 array, shape (N, F)
            Takes the last value of each, in the order channel, row, column.
        threads : int
        clock : callable, optional
        """
        for part in blocks_of(len(images), self._block):
            spread_threads(threads)
            switches, began = involuntary_switches(), perf_counter()
            self._lay_out(images, part, threads)
            key = part.start, part.stop
            if key not in self._forward:
                self._forward[key] = tuple(
                    (bind_forward(stage, self.memory, part, self._kernels),)
                    for stage in self.stages
                )
            self._run(self._forward[key], threads, clock, "forward")
            _, last = self.memory.activation(self.stages[-1].target, part)
            out = rows[part].reshape(-1, *self._out_shape)
            _layout.NhwcToNchw(last, out).run(threads)
            self._note("forward", part, threads, began, switches)
            if clock is not None:
                clock("flatten")

    def backward(
        self,
        images: Images,
        rows: Float32Array,
        threads: int,
        *,
        accumulate: bool,
        clock: Clock | None = None,
        on_input: Callable[[slice, Float32Array], None] | None = None,
    ) -> None:
        """Add the gradients of the weights.

        Parameters
        ----------
        images : Images
            Those of the last `forward`.
        rows : float32 array, shape (N, F)
            The gradient by what `forward` wrote.
        threads : int
        accumulate : bool
            Whether to add to the gradients that there are.
        clock : callable, optional
        on_input : callable, optional
            Called with the images of a block and the gradient by what the first stage has read of
            them, (N, H, W, C) without padding.
        """
        for part in blocks_of(len(images), self._block):
            spread_threads(threads)
            switches, began = involuntary_switches(), perf_counter()
            self._take_gradient(rows[part], part, threads)
            reads_images = self.stages[0].learns
            if reads_images and len(images) > self._block:
                self._lay_out(images, part, threads)  # another block's are there now
            if clock is not None:
                clock("lay out backward")
            key = part.start, part.stop, accumulate
            if key not in self._backward:
                self._backward[key] = tuple(
                    bind_backward(stage, self.memory, part, self._kernels, accumulate=accumulate)
                    for stage in reversed(self.stages)
                    if stage.learns or stage.passes_on
                )
            self._run_backward(self._backward[key], threads, clock)
            self._note("backward", part, threads, began, switches)
            if on_input is not None:
                n_images = part.stop - part.start
                _, dx = self.memory.gradient(self.stages[0].source, n_images)
                on_input(part, dx)
            accumulate = True

    def _note(self, what: str, part: slice, threads: int, began: float, switches: int) -> None:
        """Take note of whether the machine is busy; a block counts as a pass."""
        kind = what, part.stop - part.start, threads
        lost = involuntary_switches() - switches
        self._pace.note(kind, threads, perf_counter() - began, lost)
        threads_now(threads)  # finds out when it is quiet again

    def _take_gradient(self, rows: Float32Array, part: slice, threads: int) -> None:
        """Lay the gradient by the last value out, in front of its ReLU."""
        last = self.stages[-1].target
        _, dy = self.memory.gradient(last, len(rows))
        _layout.nchw_to_nhwc(rows.reshape(-1, *self._out_shape), dy, threads)
        if last.relu:
            _, y = self.memory.activation(last, part)
            _pool_gradients.ReluGradient(self._kernels, y, dy, dy, 1.0).run(threads)

    def _lay_out(self, images: Images, part: slice, threads: int) -> None:
        first = self.stages[0]
        whole, inside = self.memory.activation(first.source, part)
        lay_out(images[part], first, whole, inside, threads)

    def _run(self, steps: Sequence[Bounds], threads: int, clock: Clock | None, what: str) -> None:
        if clock is None:
            run_all(tuple(kernel for step in steps for kernel in step), threads)
            return
        clock("lay out")
        for stage, step in zip(self.stages, steps, strict=True):
            run_all(step, threads)
            clock(f"{stage.name} {what}")

    def _run_backward(
        self, steps: Sequence[tuple[Bounds, Bounds]], threads: int, clock: Clock | None
    ) -> None:
        if clock is None:
            run_all(tuple(kernel for step in steps for part in step for kernel in part), threads)
            return
        for stage, (weights, data) in zip(reversed(self.stages), steps, strict=False):
            for what, kernels in (("weights", weights), ("data", data)):
                if kernels:
                    run_all(kernels, threads)
                    clock(f"{stage.name} {what}")


def input_gradient(dx: Float32Array, stage: Stage, shape: tuple[int, int, int]) -> Float32Array:
    """Return the gradient by images, (N, C, H, W), of that by what the first stage reads.

    Parameters
    ----------
    dx : float32 array, shape (N, H, W, C)
        Perhaps in blocks of the stride's size.
    stage : Stage
        The first one.
    shape : (C, H, W)
        Of an image.
    """
    channels, height, width = shape
    if stage.conv is None or stage.conv.block == (1, 1):
        return np.ascontiguousarray(dx.transpose(0, 3, 1, 2))
    down, across = stage.conv.block
    n_images, rows, columns, _ = dx.shape
    # dx[n, i, j, (dy * across + dx) * C + c] is that of pixel (i * down + dy, j * across + dx)
    blocks = dx.reshape(n_images, rows, columns, down, across, channels)
    pixels = blocks.transpose(0, 5, 1, 3, 2, 4).reshape(n_images, channels, rows * down, -1)
    (top, _), (left, _) = stage.conv.layer.padding
    found = np.zeros((n_images, *shape), np.float32)  # beyond the last window nothing counts
    inside = pixels[:, :, top : top + height, left : left + width]
    found[:, :, : inside.shape[2], : inside.shape[3]] = inside
    return found
