"""Timing contenders in turn, so that a machine whose speed drifts is the same for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import sleep

from alexnet_cy.bench.passes import PassTimes, TimedPass

__all__ = ["ShowProgress", "alternate"]

ShowProgress = Callable[[str], None]
"""Called with the name of what is about to run; once for every pass that counts."""

# Passes of one contender in a row.
BURST = 5

# Seconds of rest before a burst. The threads of OpenBLAS wait for more work in a busy loop, 2**26
# clock ticks or about 25 ms, and take a processor from the next contender: without the rest, our
# pass took 24 ms after one of NumPy's instead of 13.5 (two cores of Zen 3).
REST_S = 0.1


def alternate(
    contenders: Mapping[str, TimedPass], repeats: int, show_progress: ShowProgress
) -> dict[str, list[PassTimes]]:
    """Time each contender `repeats` times: burst by burst in turn, the order reversed each round.

    Before every burst there is a rest and one pass that does not count, so that the caches hold
    what they hold when a contender works alone.

    Parameters
    ----------
    contenders : mapping of str to TimedPass
    repeats : int
        At least 1.
    show_progress : callable
    """
    times: dict[str, list[PassTimes]] = {name: [] for name in contenders}
    order = list(contenders)
    for done in range(0, repeats, BURST):
        for name in order:
            sleep(REST_S)
            contenders[name]()
            for _ in range(min(BURST, repeats - done)):
                show_progress(name)
                times[name].append(contenders[name]())
        order.reverse()
    return times
