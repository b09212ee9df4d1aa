"""What others use of the machine is counted."""

import os

import pytest

from alexnet_cy.bench import other_load
from alexnet_cy.bench.other_load import OtherLoad, WatchOtherLoad


def test_others_are_what_is_busy_and_not_ours(monkeypatch):
    ticks = iter([(1000, 50), (1400, 90)])
    seconds = iter([0.0, 2.0])
    own = iter([1.0, 2.5])
    monkeypatch.setattr(other_load, "_machine_ticks", lambda: next(ticks))
    monkeypatch.setattr(other_load, "perf_counter", lambda: next(seconds))
    monkeypatch.setattr(other_load, "process_time", lambda: next(own))
    monkeypatch.setattr(other_load.os, "sysconf", lambda name: 100)
    # 4 s of work in 2 s, 1.5 s of it ours; 0.4 s kept by the host
    found = WatchOtherLoad().result()
    assert found == OtherLoad(pytest.approx(1.25), pytest.approx(0.2))


@pytest.mark.parametrize(("children", "expected"), [(False, 1.25), (True, 0.75)])
def test_children_may_be_ours(monkeypatch, children, expected):
    ticks, seconds, own = iter([(1000, 0), (1400, 0)]), iter([0.0, 2.0]), iter([1.0, 2.5])
    times = iter([os.times_result((9, 9, 3, 2, 0)), os.times_result((9, 9, 3.5, 2.5, 0))])
    monkeypatch.setattr(other_load, "_machine_ticks", lambda: next(ticks))
    monkeypatch.setattr(other_load, "perf_counter", lambda: next(seconds))
    monkeypatch.setattr(other_load, "process_time", lambda: next(own))
    monkeypatch.setattr(other_load.os, "times", lambda: next(times))
    monkeypatch.setattr(other_load.os, "sysconf", lambda name: 100)
    found = WatchOtherLoad(children=children).result()
    assert found.processes == pytest.approx(expected)


def test_systems_that_do_not_count(monkeypatch):
    def no_such_file(*args, **kwargs):
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", no_such_file)
    assert WatchOtherLoad().result() is None
