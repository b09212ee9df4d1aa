"""Which algorithm computes a convolution: a short list, read from the top."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from alexnet_cy.engine.winograd import LARGEST_KERNEL, block_taps, largest_tile
from alexnet_cy.network.windows import Pair

__all__ = ["CONV_VARIABLE", "ConvProblem", "algorithm_names", "choose_algorithm", "takes_blocks"]

CONV_VARIABLE = "ALEXNET_CY_CONV"

# Winograd's transforms work on single channels, its products on pairs of them: it pays where it
# saves at least this factor of the multiplications over this many channels on either side.
LEAST_SAVING = 2.0
FEWEST_CHANNELS = 16


class ConvProblem(NamedTuple):
    """What the choice depends on."""

    in_channels: int
    out_channels: int
    kernel_size: Pair
    stride: Pair
    groups: int
    at_door: bool  # whether the input comes from outside, and is laid out anew in any case

    @property
    def winograd_saving(self) -> float:
        """How many times fewer multiplications Winograd needs, counted in its largest tiles."""
        saving = 1.0
        taps = block_taps(self.kernel_size, self.stride)
        for kernel_size, stride, r in zip(self.kernel_size, self.stride, taps, strict=True):
            m = largest_tile(r)
            saving *= kernel_size * m / (stride * (m + r - 1))
        return saving


class _Candidate(NamedTuple):
    name: str
    exact: bool  # adds in the order of the definition, with its error bound
    can: Callable[[ConvProblem], bool]
    pays: Callable[[ConvProblem], bool]


def _winograd_can(problem: ConvProblem) -> bool:
    taps = block_taps(problem.kernel_size, problem.stride)
    blocks = problem.at_door and problem.groups == 1
    return max(taps) <= LARGEST_KERNEL and (problem.stride == (1, 1) or blocks)


def _winograd_pays(problem: ConvProblem) -> bool:
    channels = problem.in_channels // problem.groups * problem.stride[0] * problem.stride[1]
    return (
        problem.winograd_saving >= LEAST_SAVING
        and channels >= FEWEST_CHANNELS
        and problem.out_channels // problem.groups >= FEWEST_CHANNELS
    )


# The first that can and pays is taken. Direct and im2col compute every convolution, and with the
# same bits; copying the patches together first, as im2col does, has not paid anywhere, from 1 to
# 768 contiguous inputs (benchmarks/results/convolution.md): im2col is there to be asked for.
_CANDIDATES = (
    _Candidate("winograd", False, _winograd_can, _winograd_pays),
    _Candidate("direct", True, lambda _: True, lambda _: True),
    _Candidate("im2col", True, lambda _: True, lambda _: False),
)


def algorithm_names() -> tuple[str, ...]:
    """List what `algorithm=` accepts."""
    return ("auto", *(candidate.name for candidate in _CANDIDATES))


def choose_algorithm(problem: ConvProblem, requested: str = "auto", *, exact: bool = False) -> str:
    """Choose the algorithm for a convolution.

    Parameters
    ----------
    problem : ConvProblem
    requested : str
        "winograd", "direct" or "im2col" for that one; "auto" for what ALEXNET_CY_CONV says, or, if
        it says nothing, for the first candidate that pays.
    exact : bool
        Leave out Winograd.

    Raises
    ------
    ValueError
        The name is unknown, or the algorithm cannot compute this convolution, or it is not exact;
        the message lists what can.
    """
    source = "algorithm"
    if requested == "auto":
        source, requested = CONV_VARIABLE, os.environ.get(CONV_VARIABLE) or "auto"
    names = algorithm_names()
    if requested not in names:
        raise ValueError(f"{source}: need one of {', '.join(names)}, got {requested!r}")
    able = [c for c in _CANDIDATES if c.can(problem) and (c.exact or not exact)]
    if requested == "auto":
        return next(candidate.name for candidate in able if candidate.pays(problem))
    if requested not in [candidate.name for candidate in able]:
        kernel_h, kernel_w = problem.kernel_size
        raise ValueError(
            f"{source}: {requested!r} cannot compute a {kernel_h}x{kernel_w} convolution of stride "
            f"{problem.stride} in {problem.groups} groups{' exactly' if exact else ''}; these can: "
            f"{', '.join(candidate.name for candidate in able)}"
        )
    return requested


def takes_blocks(problem: ConvProblem, algorithm: str) -> bool:
    """Tell whether the algorithm wants its input cut into blocks (`_layout.space_to_depth`)."""
    return algorithm == "winograd" and problem.stride != (1, 1)
