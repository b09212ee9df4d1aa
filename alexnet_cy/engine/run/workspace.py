"""A plan bound to memory: every step with the views it reads and writes, made once and run often.

A view takes Python a few microseconds to make, and a pass needs dozens: bound anew for every pass
of one image they took 0.4 ms of seven. Bound kernels run one after the other in one call.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.contracts.records import record
from alexnet_cy.engine.arrays import aligned_zeros
from alexnet_cy.engine.packed.packed_weights import PackedWeights
from alexnet_cy.engine.plan.arena import Activation
from alexnet_cy.engine.plan.plan import Plan, Step
from alexnet_cy.engine.run.binders import Buffer, bind_step
from alexnet_cy.kernels import _layout
from alexnet_cy.kernels._bound import Bound
from alexnet_cy.network import Conv

__all__ = ["BoundStep", "BoundSteps", "Head", "Stretch", "Trunk", "Workspace"]


@record(frozen=True, slots=True)
class BoundStep:
    """A step of a plan, ready to run on its memory.

    Attributes
    ----------
    step : Step
    kernels : tuple of Bound
        What computes it, one after the other; the first of several writes zeros about the result,
        where another step may have written.
    result : ndarray of float32
        The memory it writes, (N, H, W, C) without padding or (N, F).
    """

    step: Step
    kernels: tuple[Bound, ...]
    result: Float32Array


@record(frozen=True, slots=True)
class Stretch:
    """Steps that run in one call: up to one whose result is requested, or to the last.

    Attributes
    ----------
    kernels : tuple of Bound
        Those of all the steps.
    last : BoundStep
    """

    kernels: tuple[Bound, ...]
    last: BoundStep


def _stretches(steps: Iterable[BoundStep]) -> tuple[Stretch, ...]:
    stretches = []
    kernels: tuple[Bound, ...] = ()
    for bound in steps:
        kernels += bound.kernels
        last = bound
        if bound.step.features:
            stretches.append(Stretch(kernels, bound))
            kernels = ()
    if kernels:
        stretches.append(Stretch(kernels, last))
    return tuple(stretches)


class BoundSteps:
    """Steps of a plan in their order, bound to memory.

    Attributes
    ----------
    single : tuple of Stretch
        A stretch for every step, for a clock to look at.
    stretches : tuple of Stretch
        The longest there can be.
    result : ndarray of float32
        The result of the last step.
    """

    def __init__(self, steps: Iterable[BoundStep]) -> None:
        self.single = tuple(Stretch(bound.kernels, bound) for bound in steps)
        self.stretches = _stretches(stretch.last for stretch in self.single)
        self.result = self.single[-1].last.result


class Trunk:
    """The image-shaped steps for a number of images, and the layout of the images before them."""

    def __init__(
        self, plan: Plan, packed: PackedWeights, n_images: int, arena: Float32Array, block: int
    ) -> None:
        def buffer(activation: Activation) -> Buffer:
            whole = activation.whole(arena, n_images, block)
            return Buffer(whole, activation.inside(whole))

        self.n_images = n_images
        self._first = plan.trunk[0].layer
        self._images = buffer(plan.input_activation)
        self._clearing = plan.input_activation.bind_clearing(self._images.whole)
        steps = []
        for step in plan.trunk:
            assert step.source is not None
            assert step.target is not None
            source, target = buffer(step.source), buffer(step.target)
            in_place = step.source is step.target
            clearing = () if in_place else step.target.bind_clearing(target.whole)
            kernel = bind_step(step, packed, source, target)
            steps.append(BoundStep(step, (*clearing, kernel), target.inside))
        self.steps = BoundSteps(steps)

    @property
    def features(self) -> int:
        """The floats of an image that the last step writes."""
        return prod(self.steps.result.shape[1:])

    def take_images(self, images: Float32Array | PixelBatch, threads: int) -> None:
        """Lay (N, C, H, W) images out for the first convolution: padded NHWC, or in blocks."""
        first = self._first
        assert isinstance(first, Conv)
        whole, inside = self._images
        in_blocks = inside.shape[3] != images.shape[1]
        if isinstance(images, PixelBatch):
            block = first.stride if in_blocks else (1, 1)
            corner = (first.padding[0][0], first.padding[1][0])
            pixels, table = images.values, images.table
            _layout.pixels_to_depth(pixels, images.channels, table, whole, block, corner, threads)
        elif not in_blocks:
            for kernel in self._clearing:
                kernel.run(threads)
            _layout.nchw_to_nhwc(images, inside, threads)
        else:
            (top, _), (left, _) = first.padding
            _layout.space_to_depth(images, whole, first.stride, (top, left), threads)


class Head:
    """The fully connected steps and softmax for a number of images.

    Parameters
    ----------
    plan : Plan
    packed : PackedWeights
    n_images, features : int
        The shape of what goes in: a row in (C, H, W) order for every image.

    Attributes
    ----------
    nbytes : int
        Bytes of its activations.
    """

    def __init__(self, plan: Plan, packed: PackedWeights, n_images: int, features: int) -> None:
        self.n_images = n_images
        self._vectors: Float32Array = np.empty((n_images, features), np.float32)
        self._flattening: dict[tuple[int, int], Bound] = {}
        steps, vectors = [], self._vectors
        for step in plan.head:
            y: Float32Array = np.empty((n_images, *step.output_shape), np.float32)
            kernel = bind_step(step, packed, Buffer(vectors, vectors), Buffer(y, y))
            steps.append(BoundStep(step, (kernel,), y))
            vectors = y
        self.steps = BoundSteps(steps)
        self.nbytes = self._vectors.nbytes + sum(step.result.nbytes for step in steps)

    def take(self, trunk: Trunk, first: int, threads: int) -> None:
        """Flatten what a trunk of this workspace has made of the images from `first` on."""
        key = first, trunk.n_images
        kernel = self._flattening.get(key)
        if kernel is None:
            result = trunk.steps.result
            n_images, height, width, channels = result.shape
            rows = self._vectors[first : first + n_images]
            kernel = _layout.NhwcToNchw(result, rows.reshape(n_images, channels, height, width))
            self._flattening[key] = kernel
        kernel.run(threads)


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

    @property
    def nbytes(self) -> int:
        """Bytes of its activations."""
        head = self._head
        return self._arena.nbytes + (0 if head is None else head.nbytes)

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
        if self._head is None or self._head.n_images != n_images:
            self._head = Head(self._plan, self._packed, n_images, trunk.features)
        return self._head
