"""Which algorithm computes a convolution: a short list, read from the top."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["CONV_VARIABLE", "ConvProblem", "algorithm_names", "choose_algorithm"]

CONV_VARIABLE = "ALEXNET_CY_CONV"

# Direct convolution runs over the contiguous inputs of a patch, tap row by tap row. Where such a
# run is shorter than this, starting it costs more than copying the patches together first
# (benchmarks/results/conv_runs.md).
SHORTEST_DIRECT_RUN = 16


class ConvProblem(NamedTuple):
    """What the choice depends on."""

    in_channels: int
    out_channels: int
    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    groups: int

    @property
    def run(self) -> int:
        """Contiguous inputs of a patch: a kernel row of all channels, or one tap of a group's."""
        if self.groups == 1:
            return self.kernel_size[1] * self.in_channels
        return self.in_channels // self.groups


class _Candidate(NamedTuple):
    name: str
    pays: Callable[[ConvProblem], bool]


# The first that pays is taken; each of them computes every convolution, and with the same bits.
_CANDIDATES = (
    _Candidate("direct", lambda problem: problem.run >= SHORTEST_DIRECT_RUN),
    _Candidate("im2col", lambda problem: True),
)


def algorithm_names() -> tuple[str, ...]:
    """List what `algorithm=` accepts."""
    return ("auto", *(candidate.name for candidate in _CANDIDATES))


def choose_algorithm(problem: ConvProblem, requested: str = "auto") -> str:
    """Choose the algorithm for a convolution.

    Parameters
    ----------
    problem : ConvProblem
    requested : str
        "direct" or "im2col" for that one; "auto" for what ALEXNET_CY_CONV says, or, if it says
        nothing, for the first candidate that pays.

    Raises
    ------
    ValueError
        The name is unknown; the message lists the valid ones.
    """
    source = "algorithm"
    if requested == "auto":
        source, requested = CONV_VARIABLE, os.environ.get(CONV_VARIABLE) or "auto"
    names = algorithm_names()
    if requested not in names:
        raise ValueError(f"{source}: need one of {', '.join(names)}, got {requested!r}")
    if requested != "auto":
        return requested
    return next(candidate.name for candidate in _CANDIDATES if candidate.pays(problem))
