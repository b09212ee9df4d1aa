"""Whether passes are held up by other programs."""

from __future__ import annotations

from collections.abc import Hashable

from alexnet_cy.kernels._runtime import note_pass

__all__ = ["Pace"]

# A pass that takes so many times as long as the fastest of its kind has been held up. On a quiet
# machine the slowest tenth takes 1.2 times as long.
SLOW = 1.5
# Where all passes are slow, the fastest is no measure. A thread that spins on a processor that two
# want loses it 125 times a second, at every other tick of Linux's 250; on a quiet machine a pass
# loses it 30 times. Of a short pass a few are no sign.
SWITCHES_PER_S = 100
FEW_SWITCHES = 4


class Pace:
    """The fastest pass of every kind, as the measure of the others."""

    def __init__(self) -> None:
        self._fastest_s: dict[Hashable, float] = {}

    def note(self, kind: Hashable, threads: int, seconds: float, switches: int) -> None:
        """Take note of a pass, and of whether the machine is busy: `machine.left_processors`.

        Parameters
        ----------
        kind : hashable
            Passes of one kind take as long.
        threads : int
        seconds : float
            How long the pass took.
        switches : int
            How often the system took a processor away meanwhile: the difference of two
            `_runtime.involuntary_switches`.
        """
        fastest = self._fastest_s.setdefault(kind, seconds)
        if seconds < fastest:
            self._fastest_s[kind] = seconds
        slow = switches > 0 and seconds > SLOW * fastest
        note_pass(threads, slow or switches >= max(FEW_SWITCHES, SWITCHES_PER_S * seconds))
