"""Which passes count as held up."""

import pytest

from alexnet_cy.engine.run import pace


@pytest.fixture
def noted(monkeypatch):
    """Return what the system is told: (threads, switches, whether slow)."""
    calls = []
    monkeypatch.setattr(pace, "note_pass", lambda *call: calls.append(call))
    monkeypatch.setattr(pace, "waits_briefly", lambda: False)
    return calls


def test_a_pass_is_slow_beside_the_fastest_of_its_kind(noted):
    one = pace.Pace()
    for seconds in (0.01, 0.014, 0.016):
        one.note("a kind", 2, seconds, 3)
    one.note("another", 2, 1.0, 3)
    assert noted == [(2, 3, False), (2, 3, False), (2, 3, True), (2, 3, False)]


def test_switches_of_a_long_pass_count_only_if_it_is_slow(noted):
    one = pace.Pace(long=True)
    for seconds in (0.1, 0.12, 0.2):
        one.note("a kind", 2, seconds, 9)
    assert noted == [(2, 0, False), (2, 0, False), (2, 9, True)]
