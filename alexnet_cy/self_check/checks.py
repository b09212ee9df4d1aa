"""Every kernel of every instruction-set level held to its bound, on this machine."""

from __future__ import annotations

import math

from alexnet_cy.contracts.records import record
from alexnet_cy.kernels import _runtime
from alexnet_cy.machine.threads import resolve_threads
from alexnet_cy.self_check.cases import cases

__all__ = ["KernelCheck", "check_kernels"]


@record(frozen=True, slots=True)
class KernelCheck:
    """The worst that was found of one operation at one level.

    Attributes
    ----------
    level : str
        The instruction-set level.
    operation : str
        The operation, such as "Winograd convolution".
    kernels : tuple of str
        The functions of the level (src/kernels.h) that computed it.
    case : str
        The case with the largest error, as a share of what is allowed there.
    error : float
        The absolute error at that place; infinite where there should be a number and is none.
    bound : float
        The bound there; 0 means that every bit must be right.
    """

    level: str
    operation: str
    kernels: tuple[str, ...]
    case: str
    error: float
    bound: float

    @property
    def share(self) -> float:
        """The error as a share of the bound: at most 1 if the kernels are right."""
        if self.error == 0:
            return 0.0
        return self.error / self.bound if self.bound else math.inf

    @property
    def passed(self) -> bool:
        """Whether no error exceeds its bound."""
        return self.share <= 1


def check_kernels(*, threads: int | None = None) -> list[KernelCheck]:
    """Compare all kernels of all levels that this machine runs with their definitions.

    Parameters
    ----------
    threads : int, optional
        Every case is computed by one thread and by so many; None for the default.

    Returns
    -------
    list of KernelCheck
        One for each operation and level. The kernels are right if all have `passed`.

    Raises
    ------
    TypeError, ValueError
        `threads` is not a number of threads.
    """
    counts = sorted({1, resolve_threads(threads)})
    found: dict[tuple[str, str], KernelCheck] = {}
    for case in cases():
        for level in _runtime.runnable_levels():
            for count in counts:
                error, bound = case.worst(_runtime.kernels_of(level), count)
                check = KernelCheck(level, case.operation, case.kernels, case.name, error, bound)
                key = level, case.operation
                if key not in found or check.share > found[key].share:
                    found[key] = check
    levels = _runtime.runnable_levels()
    return sorted(found.values(), key=lambda check: levels.index(check.level))
