"""Which instruction-set level computes: the best that runs here, or what ALEXNET_CY_ISA names."""

from __future__ import annotations

import os

from alexnet_cy.kernels import _runtime

__all__ = ["ISA_VARIABLE", "active_kernels", "active_level"]

ISA_VARIABLE = "ALEXNET_CY_ISA"


def active_level() -> str:
    """Name the level in force now.

    Returns
    -------
    str
        One of "x86-64-v4", "x86-64-v3", "aarch64-neon", "generic". The variable is read at every
        call; weights that are already packed stay with the level they were packed for.

    Raises
    ------
    ValueError
        ALEXNET_CY_ISA names a level that is unknown or does not run here; the message lists
        those that do.
    """
    runnable = _runtime.runnable_levels()
    forced = os.environ.get(ISA_VARIABLE)
    if not forced:
        return runnable[0]
    if forced not in runnable:
        raise ValueError(
            f"{ISA_VARIABLE} is {forced!r}, but the levels that this machine and build run are "
            f"{', '.join(runnable)} (compiled: {', '.join(_runtime.compiled_levels())})"
        )
    return forced


def active_kernels() -> object:
    """Return the kernels of the level in force, as the extension modules take them."""
    return _runtime.kernels_of(active_level())
