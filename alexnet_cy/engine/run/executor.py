"""Runs a plan: the forward pass."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.engine.packed.packed_weights import PackedWeights
from alexnet_cy.engine.plan.plan import Plan
from alexnet_cy.engine.run.idle_workspaces import IdleWorkspaces
from alexnet_cy.engine.run.pace import Pace
from alexnet_cy.engine.run.workspace import BoundSteps, Workspace
from alexnet_cy.kernels import _layout
from alexnet_cy.kernels._bound import run_all
from alexnet_cy.kernels._runtime import involuntary_switches
from alexnet_cy.machine.threads import threads_now

__all__ = ["Executor", "Take"]

Clock = Callable[[str, float], None]
"""Called with a step's name and its seconds."""

Take = Callable[[str, Float32Array, slice], None]
"""Called with a feature's name, its values for some of the images, and which images these are.

The values are (N, H, W, C) or (N, F), and stand only until the call returns.
"""


class Executor:
    """A plan and the weights it runs on; may be used by several threads at once.

    Every pass takes a workspace of its own and leaves it here for the next one of the same size,
    so a second pass touches no new memory and makes no view anew.

    Parameters
    ----------
    plan : Plan
    packed : PackedWeights
    idle : IdleWorkspaces, optional
        Where workspaces wait, those of other plans too; a place of its own if left out.
    """

    def __init__(
        self, plan: Plan, packed: PackedWeights, idle: IdleWorkspaces | None = None
    ) -> None:
        self.plan = plan
        self.packed = packed
        self._outputs = [(name, step.output_shape) for step in plan.steps for name in step.features]
        self._idle = IdleWorkspaces() if idle is None else idle
        self._pace = Pace()

    def run(
        self, images: Float32Array | PixelBatch, threads: int | None, clock: Clock | None = None
    ) -> dict[str, Float32Array]:
        """Run the pass over a batch of any size.

        Parameters
        ----------
        images : ndarray of float32, shape (N, C, H, W), C-contiguous, or PixelBatch
        threads : int or None
            None: as many as `machine.threads.threads_now` says.
        clock : callable, optional
            Called after every step of every block with its name and its seconds; the first step's
            have the layout of the images in them.

        Returns
        -------
        dict of str to ndarray
            For every feature of the plan, (N, C, H, W) or (N, F).
        """
        n_images, n_threads = images.shape[0], threads_now(threads)
        results = {name: np.empty((n_images, *shape), np.float32) for name, shape in self._outputs}

        def copy(feature: str, values: Float32Array, part: slice) -> None:
            if values.ndim == 4:
                _layout.NhwcToNchw(values, results[feature][part]).run(n_threads)
            else:
                results[feature][part] = values

        self._visit(images, n_threads, copy, clock)
        return results

    def visit(
        self,
        images: Float32Array | PixelBatch,
        threads: int | None,
        take: Take,
    ) -> None:
        """Run the pass, and show every feature where it lies before its memory is used again.

        Parameters
        ----------
        images, threads
            As for `run`.
        take : callable
            See `Take`; up to `Plan.trunk_block` images at a time come out of the trunk, up to
            `Plan.head_block` out of the fully connected layers.
        """
        self._visit(images, threads_now(threads), take, None)

    def _visit(
        self, images: Float32Array | PixelBatch, threads: int, take: Take, clock: Clock | None
    ) -> None:
        plan, n_images = self.plan, images.shape[0]
        switches, began = involuntary_switches(), perf_counter()
        workspace = self._take_workspace(min(plan.trunk_block, n_images))
        for start in range(0, n_images, plan.head_block):
            stop = min(start + plan.head_block, n_images)
            for first in range(start, stop, plan.trunk_block):
                part = slice(first, min(first + plan.trunk_block, stop))
                started = perf_counter()
                trunk = workspace.trunk(part.stop - part.start)
                trunk.take_images(images[part], threads)
                _run_steps(trunk.steps, take, part, threads, clock, started)
                if plan.head:
                    head = workspace.head(trunk, stop - start)
                    head.take(trunk, first - start, threads)
            if plan.head:
                rows = slice(start, stop)
                _run_steps(head.steps, take, rows, threads, clock, perf_counter())
        self._idle.keep(self, workspace)
        seconds = perf_counter() - began
        self._pace.note((n_images, threads), threads, seconds, involuntary_switches() - switches)

    def warm_up(self, images: Float32Array | PixelBatch, threads: int) -> None:
        """Do what is done once, so that later passes can be timed.

        The second pass packs the weights for good.
        """
        for _ in range(2):
            self.run(images, threads)

    def _take_workspace(self, block: int) -> Workspace:
        """Reuse an idle workspace of the block's size, or make one."""
        return self._idle.take(self, block) or Workspace(self.plan, self.packed, block)

    @property
    def idle(self) -> list[Workspace]:
        """The workspaces that wait for the next pass, the oldest first."""
        return self._idle.of(self)


def _run_steps(
    steps: BoundSteps,
    take: Take,
    part: slice,
    threads: int,
    clock: Clock | None,
    started: float,
) -> None:
    """Run steps for the images of `part`, and return the values requested."""
    for stretch in steps.stretches if clock is None else steps.single:
        run_all(stretch.kernels, threads)
        last = stretch.last
        for feature in last.step.features:
            take(feature, last.result, part)
        if clock is not None:
            ended = perf_counter()
            clock(last.step.name, ended - started)
            started = ended
