"""The share of the machine that others used meanwhile: timings on a shared machine mean little."""

from __future__ import annotations

import os
from dataclasses import dataclass
from time import perf_counter, process_time

from alexnet_cy.machine.processor_ticks import processor_ticks

__all__ = ["OtherLoad", "WatchOtherLoad"]

# Of the fields of `processor_ticks`: user, nice, system, irq and softirq.
BUSY_FIELDS = (0, 1, 2, 5, 6)
STEAL_FIELD = 7


@dataclass(frozen=True, slots=True)
class OtherLoad:
    """The load of others during a measurement, in processors: 1.0 is one processor all the time.

    Attributes
    ----------
    processes : float
        Other processes of this machine.
    host : float
        The host of a virtual machine, for its other guests ("steal").
    """

    processes: float
    host: float


class WatchOtherLoad:
    """Watches from its making on; `result` is None where the system does not count (not Linux).

    Parameters
    ----------
    children : bool
        Whether processes that this one has started and that have ended count as its own.
    """

    def __init__(self, *, children: bool = False) -> None:
        self._children = children
        self._started = perf_counter()
        self._own_s = self._own()
        self._ticks = _machine_ticks()

    def result(self) -> OtherLoad | None:
        """Return what others took since the watch was made."""
        now = _machine_ticks()
        if self._ticks is None or now is None:
            return None
        elapsed_s = perf_counter() - self._started
        own_s = self._own() - self._own_s
        busy_s, steal_s = (
            (after - before) / os.sysconf("SC_CLK_TCK")
            for before, after in zip(self._ticks, now, strict=True)
        )
        return OtherLoad(max(0.0, busy_s - own_s) / elapsed_s, steal_s / elapsed_s)

    def _own(self) -> float:
        times = os.times()
        ended = times.children_user + times.children_system
        return process_time() + (ended if self._children else 0.0)


def _machine_ticks() -> tuple[int, int] | None:
    """Return clock ticks that the processors worked, and that the host kept, since the start."""
    ticks = processor_ticks()
    if ticks is None:
        return None
    fields = ticks["cpu"]
    return sum(fields[i] for i in BUSY_FIELDS), fields[STEAL_FIELD]
