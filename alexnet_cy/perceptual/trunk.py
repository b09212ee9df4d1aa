"""The five convolutions of torchvision's AlexNet, whose values LPIPS compares."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from numpy.typing import ArrayLike

from alexnet_cy.engine.packed.given import given_tensors
from alexnet_cy.engine.packed.packed_weights import PackedWeights
from alexnet_cy.engine.plan.planning import make_plan
from alexnet_cy.engine.run.executor import Executor
from alexnet_cy.errors import WeightsError
from alexnet_cy.kernels._runtime import kernels_of
from alexnet_cy.machine.levels import active_level
from alexnet_cy.network import Variant, get_variant
from alexnet_cy.network.matching import compare_shapes, describe

if TYPE_CHECKING:
    from alexnet_cy.contracts.tensors import TensorRef

__all__ = ["LAYERS", "Trunk", "Weights", "trunk_variant"]

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5")
"""What LPIPS compares, after the ReLU: features.1, .4, .7, .9 and .11 of torchvision."""

Weights: TypeAlias = str | os.PathLike[str] | Mapping[str, ArrayLike]

# Sizes of images whose memory is kept for the next pair, and the most that one may take: a folder
# of images of many sizes needs the memory of a few of them.
KEPT_SIZES = 4
KEPT_BYTES = 64 << 20


def trunk_variant() -> Variant:
    """Return torchvision's AlexNet up to conv5."""
    whole = get_variant("torchvision")
    names = [layer.name for layer in whole.layers]
    return replace(whole, layers=whole.layers[: names.index(LAYERS[-1]) + 1])


class Trunk:
    """The convolutions with their weights; may be used by several threads at once.

    Parameters
    ----------
    weights : path-like, str or mapping of str to array_like
        A weight file of any format, of the whole network or its convolutions alone; the name of a
        published one; or the arrays "conv1.weight", "conv1.bias", ... Of a file only the
        convolutions are read.
    exact : bool
        Leave out Winograd's algorithm.

    Raises
    ------
    WeightsError
        The file cannot be read, or has no such convolutions.
    TypeError, ValueError
        The arrays are not those of the convolutions.
    """

    def __init__(self, weights: Weights, *, exact: bool = False) -> None:
        self.variant = trunk_variant()
        self.exact = bool(exact)
        self.level = active_level()
        self.kernels = kernels_of(self.level)
        tensors: Mapping[str, ArrayLike | TensorRef]
        tensors = weights if isinstance(weights, Mapping) else _of_file(weights, self.variant)
        self._packed = PackedWeights(
            self.variant, given_tensors(tensors, self.variant), self.kernels
        )
        self._executors: dict[tuple[int, int], Executor] = {}
        if isinstance(weights, Mapping):  # the caller may change the arrays later
            self._packed.pack_now(tensors)

    def executor(self, height: int, width: int) -> Executor:
        """Return what runs passes over images of one size, in pixels.

        Raises
        ------
        ValueError
            The images are too small for conv5.
        """
        # Each step on the dictionary is atomic, so that there is no lock for a child to wait for
        # that is forked meanwhile; two threads at once may make a plan each.
        executor = self._executors.pop((height, width), None)
        if executor is None:
            plan = make_plan(
                self.variant, height, width, LAYERS, exact=self.exact, level=self.level
            )
            executor = Executor(plan, self._packed)
        if 4 * executor.plan.arena_floats * executor.plan.trunk_block <= KEPT_BYTES:
            self._executors[height, width] = executor  # the last one used is the last to go
            for old in list(self._executors.copy())[:-KEPT_SIZES]:
                self._executors.pop(old, None)
        return executor


def _of_file(weights: str | os.PathLike[str], variant: Variant) -> dict[str, TensorRef]:
    """Open a file and return the tensors of the convolutions, which are read when they run."""
    from alexnet_cy.published.registry import PUBLISHED
    from alexnet_cy.weights.loader import FiniteTensor, read_file

    path: str | os.PathLike[str] = weights
    if isinstance(weights, str) and weights in PUBLISHED:
        from alexnet_cy.published.bar import download_bar
        from alexnet_cy.published.download import fetch

        with download_bar(weights) as progress:
            path = fetch(weights, progress=progress)
    tensors = read_file(path).tensors
    wanted = variant.parameter_shapes()
    found = {name: tensor.shape for name, tensor in tensors.items() if name in wanted}
    if mismatches := compare_shapes(wanted, found):
        raise WeightsError(
            f"{os.fspath(path)!r}: LPIPS needs the five convolutions of torchvision's AlexNet; "
            f"{describe(mismatches)}"
        )
    return {name: FiniteTensor(f"{os.fspath(path)!r}: {name}", tensors[name]) for name in wanted}
