"""Which passes count as held up by other programs."""

import pytest

from alexnet_cy.engine.run import pace
from alexnet_cy.engine.run.pace import Pace


@pytest.fixture
def held_up(monkeypatch):
    """Note passes of one kind, (seconds, switches) each; return which of them were held up."""
    noted = []
    monkeypatch.setattr(pace, "note_pass", lambda threads, held_up: noted.append(held_up))

    def run(*passes):
        watched = Pace()
        for seconds, switches in passes:
            watched.note("kind", 2, seconds, switches)
        return noted

    return run


def test_slow_passes_that_lost_their_processor(held_up):
    assert held_up((0.004, 1), (0.007, 1), (0.007, 0), (0.005, 3), (0.003, 0), (0.005, 1)) == [
        False, True, False, False, False, True,
    ]  # fmt: skip


def test_passes_that_lose_it_all_the_time(held_up):
    # The first is also the fastest; and four times in a pass of 0.05 s are no sign.
    assert held_up((0.264, 60), (0.270, 20), (0.004, 4)) == [True, False, True]
    assert held_up((0.05, 4))[3:] == [False]


def test_kinds_have_fastest_passes_of_their_own(monkeypatch):
    noted = []
    monkeypatch.setattr(pace, "note_pass", lambda threads, held_up: noted.append(held_up))
    watched = Pace()
    for kind, seconds in [("one", 0.003), ("16", 0.03), ("one", 0.004), ("16", 0.05)]:
        watched.note(kind, 2, seconds, 1)
    assert noted == [False, False, False, True]
