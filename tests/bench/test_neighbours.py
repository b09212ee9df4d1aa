"""What others use of the machine is counted."""

import pytest

from alexnet_cy.bench import neighbours
from alexnet_cy.bench.neighbours import Neighbours, WatchNeighbours


def test_others_are_what_is_busy_and_not_ours(monkeypatch):
    ticks = iter([(1000, 50), (1400, 90)])
    seconds = iter([0.0, 2.0])
    own = iter([1.0, 2.5])
    monkeypatch.setattr(neighbours, "_machine_ticks", lambda: next(ticks))
    monkeypatch.setattr(neighbours, "perf_counter", lambda: next(seconds))
    monkeypatch.setattr(neighbours, "process_time", lambda: next(own))
    monkeypatch.setattr(neighbours.os, "sysconf", lambda name: 100)
    # 4 s of work in 2 s, 1.5 s of it ours; 0.4 s kept by the host
    found = WatchNeighbours().result()
    assert found == Neighbours(pytest.approx(1.25), pytest.approx(0.2))


def test_systems_that_do_not_count(monkeypatch):
    def no_such_file(*args, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", no_such_file)
    assert WatchNeighbours().result() is None
