"""The number of threads of a call."""

from __future__ import annotations

import os

from alexnet_cy.contracts.scalars import as_count
from alexnet_cy.kernels import _runtime
from alexnet_cy.machine.cpu_quota import cpu_quota
from alexnet_cy.machine.left_processors import LeftProcessors

__all__ = [
    "MAX_THREADS",
    "available_processors",
    "default_threads",
    "resolve_threads",
    "threads_now",
]

# More is a mistake: GNU's OpenMP ends the process when the system refuses it a thread.
MAX_THREADS = 1024

_left = LeftProcessors()


def available_processors() -> int:
    """Count the processors that this process may use: its affinity mask and its CPU quota."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    quota = cpu_quota()
    return allowed if quota is None else min(allowed, quota)


def default_threads() -> int:
    """Return the threads of a call that requests no number.

    What OMP_NUM_THREADS or `threadpoolctl.threadpool_limits` allow, but never more than
    `available_processors`.
    """
    return max(1, min(_runtime.openmp_max_threads(), available_processors()))


def resolve_threads(threads: int | None) -> int:
    """Turn the argument `threads` of a call into a number of threads.

    Parameters
    ----------
    threads : int or None
        None: `default_threads()`. Positive: as many. Negative: counted from the available
        processors, -1 all of them, -2 all but one (scikit-learn's rule for n_jobs), at least 1.

    Returns
    -------
    int
        From 1 to MAX_THREADS. Results have the same bits for each of them.

    Raises
    ------
    TypeError
        `threads` is not an integer.
    ValueError
        `threads` is 0 or larger than MAX_THREADS.
    """
    if threads is None:
        return default_threads()
    number = as_count(threads, "threads", minimum=None, need="a whole number or None")
    if number == 0 or number > MAX_THREADS:
        raise ValueError(
            f"threads: need 1 to {MAX_THREADS}, or a negative number to count from the processors "
            f"(-1 is all of them), got {number}"
        )
    if number < 0:
        number = max(1, available_processors() + 1 + number)
    return number


def threads_now(threads: int | None) -> int:
    """Turn the argument `threads` of a pass into the number of threads that it takes now.

    Parameters
    ----------
    threads : int or None
        As for `resolve_threads`.

    Returns
    -------
    int
        As of `resolve_threads`. Where no number is requested, while other programs want the
        processors, no more than they leave.

    Raises
    ------
    TypeError, ValueError
        As of `resolve_threads`.
    """
    wanted = resolve_threads(threads)
    left = _left.threads(wanted)  # also to find out when the machine is quiet again
    return left if threads is None else wanted
