"""Which algorithm computes a convolution: of those that can, the one expected to cost least."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from alexnet_cy.engine.choice.conv_problem import ConvProblem
from alexnet_cy.engine.choice.costs import conv_work, expected_ms
from alexnet_cy.engine.choice.winograd_error import LARGEST_EXPECTED_ERROR, expected_error
from alexnet_cy.engine.winograd import LARGEST_KERNEL, block_taps
from alexnet_cy.machine.levels import active_level

__all__ = [
    "CONV_VARIABLE",
    "ConvProblem",
    "able_algorithms",
    "algorithm_names",
    "choose_algorithm",
    "requested_algorithm",
    "takes_blocks",
]

CONV_VARIABLE = "ALEXNET_CY_CONV"


class _Candidate(NamedTuple):
    name: str
    exact: bool  # adds in the order of the definition, with its error bound
    can: Callable[[ConvProblem], bool]


def _winograd_can(problem: ConvProblem) -> bool:
    taps = block_taps(problem.kernel_size, problem.stride)
    blocks = problem.reads_images and problem.groups == 1
    return max(taps) <= LARGEST_KERNEL and (problem.stride == (1, 1) or blocks)


# Of equals the first is taken. Direct and im2col compute every convolution, and with the same bits;
# copying the patches together first, as im2col does, has not paid anywhere, from 1 to 768
# contiguous inputs (benchmarks/results/convolution.md): it costs direct's time and its copies.
_CANDIDATES = (
    _Candidate("winograd", False, _winograd_can),
    _Candidate("direct", True, lambda _: True),
    _Candidate("im2col", True, lambda _: True),
)


def algorithm_names() -> tuple[str, ...]:
    """List what `algorithm=` accepts."""
    return ("auto", *(candidate.name for candidate in _CANDIDATES))


def able_algorithms(problem: ConvProblem, *, exact: bool = False) -> tuple[str, ...]:
    """List the algorithms that can compute a convolution; without Winograd if `exact`."""
    return tuple(c.name for c in _CANDIDATES if c.can(problem) and (c.exact or not exact))


def requested_algorithm(requested: str = "auto") -> tuple[str, str]:
    """Return what decided the algorithm.

    Parameters
    ----------
    requested : str
        The argument `algorithm` of a call or a network.

    Returns
    -------
    (str, str)
        "algorithm" or "ALEXNET_CY_CONV", and what it says, "auto" if neither names one.

    Raises
    ------
    ValueError
        The name is unknown; the message lists those that are known.
    """
    source = "algorithm"
    if requested == "auto":
        source, requested = CONV_VARIABLE, os.environ.get(CONV_VARIABLE) or "auto"
    names = algorithm_names()
    if requested not in names:
        raise ValueError(f"{source}: need one of {', '.join(names)}, got {requested!r}")
    return source, requested


def choose_algorithm(
    problem: ConvProblem,
    requested: str = "auto",
    *,
    exact: bool = False,
    level: str | None = None,
    tuned: str | None = None,
) -> str:
    """Choose the algorithm for a convolution.

    Parameters
    ----------
    problem : ConvProblem
    requested : str
        "winograd", "direct" or "im2col" for that one; "auto" for what ALEXNET_CY_CONV says, or, if
        it says nothing, for `tuned`, or, without it, for the algorithm that is expected to cost
        least for one image on one thread. The choice depends on neither number, so that the bits of
        a result do not, and of all numbers these let the weights, Winograd's burden, weigh most.
        Winograd is not among them where its error may break the contract of docs/numerics.md.
    exact : bool
        Leave out Winograd.
    level : str, optional
        The instruction-set level that it is for; the one in force if left out.
    tuned : str, optional
        The measurements.

    Raises
    ------
    ValueError
        The name is unknown, or the algorithm cannot compute this convolution, or it is not exact;
        the message lists what can.
    """
    source, requested = requested_algorithm(requested)
    able = able_algorithms(problem, exact=exact)
    if requested == "auto":
        good = tuple(name for name in able if _is_near_enough(problem, name))
        if tuned in good:
            return tuned
        chosen_level = active_level() if level is None else level
        return min(good, key=lambda name: _cost_ms(problem, name, chosen_level))
    if requested not in able:
        kernel_h, kernel_w = problem.kernel_size
        raise ValueError(
            f"{source}: {requested!r} cannot compute a {kernel_h}x{kernel_w} convolution of stride "
            f"{problem.stride} in {problem.groups} groups{' exactly' if exact else ''}; these can: "
            f"{', '.join(able)}"
        )
    return requested


def _is_near_enough(problem: ConvProblem, algorithm: str) -> bool:
    return algorithm != "winograd" or expected_error(problem) <= LARGEST_EXPECTED_ERROR


def _cost_ms(problem: ConvProblem, algorithm: str, level: str) -> float:
    return expected_ms(conv_work(problem, algorithm, level), level)


def takes_blocks(problem: ConvProblem, algorithm: str) -> bool:
    """Return whether the algorithm needs its input cut into blocks (`_layout.space_to_depth`)."""
    return algorithm == "winograd" and problem.stride != (1, 1)
