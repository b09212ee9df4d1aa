"""A network's weights, plans and workspaces: what runs passes over arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.arrays import as_float32
from alexnet_cy.engine.choice.conv_algorithms import CONV_VARIABLE, algorithm_names
from alexnet_cy.engine.packed.given import given_tensors
from alexnet_cy.engine.packed.packed_weights import PackedWeights, WeightsView
from alexnet_cy.engine.plan.plan import Plan
from alexnet_cy.engine.plan.planning import make_plan
from alexnet_cy.engine.run.executor import Executor
from alexnet_cy.engine.run.idle_workspaces import IdleWorkspaces
from alexnet_cy.kernels._runtime import kernels_of
from alexnet_cy.kernels._turns import Turns
from alexnet_cy.machine.levels import active_level
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.network import Variant, is_flat_name, resolve_layer

if TYPE_CHECKING:
    from alexnet_cy.engine.run.profile import Profile

__all__ = ["KEPT_PLANS", "Runner"]

# Plans kept per network, one for each combination of image size and layers.
KEPT_PLANS = 16

# The channels of the pixels that `_layout.pixels_to_depth` takes.
COLOURS = 3


class Runner:
    """Runs one network: packed weights, a plan for every kind of pass, and their workspaces.

    `AlexNet`, the benchmarks and tuning all run passes through it. It may be used from several
    threads at once; `use_algorithms` is all that changes it, and who measures for it should take a
    turn of `tuning_turns`, as two at once would time each other.

    Parameters
    ----------
    variant : Variant
    weights : mapping of str to array_like or TensorRef
        As `Variant.parameter_shapes` has them. Arrays are packed at once; tensors in a file are
        read when their layer first runs.
    algorithm : {"auto", "winograd", "direct", "im2col"}
    exact : bool
        Leave out Winograd's algorithm.
    level : str, optional
        An instruction-set level that runs here; the active one if left out.

    Raises
    ------
    TypeError, ValueError
        An argument does not fit; of the weights, the message lists all that do not.
    """

    def __init__(
        self,
        variant: Variant,
        weights: Mapping[str, ArrayLike | TensorRef],
        *,
        algorithm: str = "auto",
        exact: bool = False,
        level: str | None = None,
        allow_nonfinite: bool = False,
    ) -> None:
        if algorithm not in algorithm_names():
            raise ValueError(
                f"algorithm: need one of {', '.join(algorithm_names())}, got {algorithm!r}"
            )
        self.variant = variant
        self.algorithm = algorithm
        self.exact = bool(exact)
        self.level = active_level() if level is None else level
        tensors = given_tensors(weights, variant, allow_nonfinite=allow_nonfinite)
        self._packed = PackedWeights(variant, tensors, kernels_of(self.level))
        self._executors: dict[object, Executor] = {}
        self._idle = IdleWorkspaces()
        self._tuned: Mapping[str, str] = {}  # replaced as a whole, never changed
        self.tuning_turns = Turns()
        self._check: Callable[[], None] | None = None
        self._packed.pack_now(
            name for name, value in weights.items() if not isinstance(value, TensorRef)
        )

    @property
    def weights(self) -> Mapping[str, Float32Array]:
        """The weights by name, in their public layout; every access returns a fresh array."""
        self._look()
        return WeightsView(self._packed)

    @property
    def packed(self) -> PackedWeights:
        """The weights as the kernels take them."""
        self._look()
        return self._packed

    def look_before_and_after(self, check: Callable[[], None]) -> None:
        """Call this before and after every pass: it raises if the weights are no longer the same.

        For weights that lie in a mapped file, which others may write to.
        """
        self._check = check

    def _look(self) -> None:
        if self._check is not None:
            self._check()

    @property
    def tuned(self) -> Mapping[str, str]:
        """The measured choice of algorithm by convolution; empty before `use_algorithms`."""
        return self._tuned

    def choices(self) -> dict[str, object]:
        """Return all that decides how convolutions are computed, as JSON can hold it."""
        forced = os.environ.get(CONV_VARIABLE)
        return {
            "algorithm": forced or self.algorithm,
            "exact": self.exact,
            "tuned": {} if forced else dict(self._tuned),
        }

    def use_algorithms(self, tuned: Mapping[str, str]) -> None:
        """Compute each convolution by the algorithm named here, in passes from now on."""
        self._tuned = dict(tuned)

    def forward(
        self, x: ArrayLike | PixelBatch, layers: Sequence[str] | None, threads: int | None
    ) -> dict[str, Float32Array]:
        """Run a pass; parameters and errors are those of `AlexNet.forward`.

        Returns
        -------
        dict of str to ndarray of float32
            For each name in `layers`, or for the last layer, (N, C, H, W) or (N, F).
        """
        images, names = as_images(x, self.variant.in_channels), self._names(layers)
        executor = self.executor(images.shape[2], images.shape[3], names)
        results = executor.run(images, threads)
        self._look()
        values = {
            name: results[name if name in results else resolve_layer(self.variant, name)]
            for name in names
        }
        return {
            name: value.reshape(len(value), prod(value.shape[1:])) if is_flat_name(name) else value
            for name, value in values.items()
        }

    def profile(
        self,
        x: ArrayLike | PixelBatch,
        layers: Sequence[str] | None,
        threads: int | None,
        repeats: int,
    ) -> Profile:
        """Time every layer of a pass; parameters and errors are those of `AlexNet.profile`."""
        from alexnet_cy.engine.run.profile import profile

        images = as_images(x, self.variant.in_channels)
        if len(images) == 0:
            raise ValueError("x: need at least one image to time, got none")
        executor = self.executor(images.shape[2], images.shape[3], self._names(layers))
        return profile(executor, images, resolve_threads(threads), as_count(repeats, "repeats"))

    def plan(
        self,
        batch: int,
        layers: Sequence[str] | None,
        height: int | None,
        width: int | None,
        threads: int | None,
    ) -> Plan:
        """Return the steps of a pass; parameters are those of `AlexNet.plan`."""
        height, width = self.image_size(height, width)
        return make_plan(
            self.variant,
            height,
            width,
            self._names(layers),
            algorithm=self.algorithm,
            exact=self.exact,
            tuned=self._tuned,
            level=self.level,
            batch=as_count(batch, "batch", minimum=0),
            threads=resolve_threads(threads),
        )

    def image_size(self, height: int | None, width: int | None) -> tuple[int, int]:
        """Return a height and a width, the variant's own where they are left out."""
        height = self.variant.input_size if height is None else height
        return height, height if width is None else width

    def executor(
        self,
        height: int,
        width: int,
        names: tuple[str, ...],
        tuned: Mapping[str, str] | None = None,
    ) -> Executor:
        """Plan a pass, or find the plan of an earlier one.

        Parameters
        ----------
        height, width : int
            Of the images, in pixels.
        names : tuple of str
            The values that the pass returns; it ends with the last of them.
        tuned : mapping of str to str, optional
            Algorithms by convolution, in place of those of `use_algorithms`.
        """
        self._look()
        tuned = self._tuned if tuned is None else tuned
        key = (height, width, names, os.environ.get(CONV_VARIABLE), tuple(tuned.items()))
        executor = self._executors.get(key)
        if executor is None:
            plan = make_plan(
                self.variant,
                height,
                width,
                names,
                algorithm=self.algorithm,
                exact=self.exact,
                tuned=tuned,
                level=self.level,
            )
            executor = self._executors.setdefault(key, Executor(plan, self._packed, self._idle))
            for old in list(self._executors.copy())[:-KEPT_PLANS]:  # each step is atomic
                self._executors.pop(old, None)
        return executor

    def _names(self, layers: Sequence[str] | None) -> tuple[str, ...]:
        if layers is None:
            return (self.variant.layers[-1].name,)
        if isinstance(layers, str):
            raise TypeError(f"layers: need a sequence of names, got the string {layers!r}")
        return tuple(layers)


def as_images(x: ArrayLike | PixelBatch, channels: int) -> Float32Array | PixelBatch:
    """Return images as a pass takes them, (N, channels, H, W).

    Raises
    ------
    TypeError, ValueError
        They are none; the message names `x`.
    """
    need = f"(N, {channels}, H, W)"
    if isinstance(x, PixelBatch):
        if x.shape[1] != channels:
            raise ValueError(f"x: need shape {need}, got {x.shape}")
        return x if channels == COLOURS else x.as_floats()
    images = as_float32(x, "x", 4, need)
    if images.shape[1] != channels:
        hint = ""
        if images.shape[3] == channels:
            hint = "; channels are the second axis here: x.transpose(0, 3, 1, 2)"
        raise ValueError(f"x: need shape {need}, got {images.shape}{hint}")
    return images
