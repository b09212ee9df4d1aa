"""How many threads a pass should take while other programs want the processors."""

from __future__ import annotations

import os
from threading import Lock
from time import perf_counter, process_time
from typing import NamedTuple

from alexnet_cy.kernels import _runtime
from alexnet_cy.machine.processor_ticks import IDLE_FIELDS, processor_ticks

__all__ = ["LeftProcessors"]

# Processors are watched for so long. Linux counts in hundredths of a second.
WINDOW_S = 0.1
# Others leave a processor if they leave so much of it.
ENOUGH = 0.75


class _Moment(NamedTuple):
    """What has been counted until now."""

    at_s: float
    own_s: float
    idle_s: float | None


class LeftProcessors:
    """The processors that other programs leave to this process while the machine is busy.

    It is busy from when `_runtime.note_pass` has found passes held up. While it is, idle time and
    this process's own time are counted: together they are what others leave. When they leave
    enough, OpenMP is told that the machine is quiet.
    """

    def __init__(self) -> None:
        self._since: _Moment | None = None
        self._left: int | None = None
        self._turn = Lock()

    def threads(self, wanted: int) -> int:
        """Return on how many threads to compute now.

        Parameters
        ----------
        wanted : int
            Those of a quiet machine.

        Returns
        -------
        int
            `wanted` on a quiet machine, and on a busy one until it has been watched; then as many
            as others leave processors, but at least one.
        """
        if wanted == 1 or not _runtime.waits_briefly():
            self._since = self._left = None
            return wanted
        if self._turn.acquire(blocking=False):  # never waits: not in a forked child, either
            try:
                self._look(wanted)
            finally:
                self._turn.release()
        left = self._left
        return wanted if left is None else max(1, min(left, wanted))

    def _look(self, wanted: int) -> None:
        since = self._since
        if since is None:
            self._since = _now()
            return
        elapsed_s = perf_counter() - since.at_s
        if elapsed_s < WINDOW_S:
            return
        now = self._since = _now()
        if now.idle_s is None or since.idle_s is None:
            _runtime.wait_as_usual()  # the system does not count: see how the next passes do
            return
        free_s = now.idle_s - since.idle_s + now.own_s - since.own_s
        self._left = int(free_s / elapsed_s + 1 - ENOUGH)
        if self._left >= wanted:
            _runtime.wait_as_usual()


def _now() -> _Moment:
    ticks = processor_ticks()
    if ticks is None:
        return _Moment(perf_counter(), process_time(), None)
    names = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    idle = sum(ticks[name][field] for name in names & ticks.keys() for field in IDLE_FIELDS)
    return _Moment(perf_counter(), process_time(), idle / os.sysconf("SC_CLK_TCK"))
