"""Whether passes are held up: the system then lets OpenMP's threads wait briefly."""

from __future__ import annotations

from collections.abc import Hashable

from alexnet_cy.kernels._runtime import note_pass, waits_briefly

__all__ = ["Pace"]

# A pass that takes so many times as long as the fastest of its kind has been held up. On a quiet
# machine the slowest tenth takes 1.2 times as long.
SLOW = 1.5
# While threads wait briefly every pass pays for sleeping and waking: on a quiet machine, one image
# whose fully connected layers have 35 % of inputs took 4.9 ms for 3.2, 1.54 times. If that counted
# as held up, it would never end.
SLOW_WHILE_BRIEF = 1.65


class Pace:
    """The fastest pass of every kind, as the measure of the others.

    Parameters
    ----------
    long : bool
        Whether passes take tens of milliseconds. On a quiet machine too they lose a processor
        about once in 10 ms, which then means nothing unless the pass was slow.
    """

    def __init__(self, *, long: bool = False) -> None:
        self._long = long
        self._fastest_s: dict[Hashable, float] = {}

    def note(self, kind: Hashable, threads: int, seconds: float, switches: int) -> None:
        """Let OpenMP's threads wait briefly for one another while the machine is busy.

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
        limit = SLOW_WHILE_BRIEF if waits_briefly() else SLOW
        slow = seconds > limit * fastest
        note_pass(threads, switches if slow or not self._long else 0, slow)
