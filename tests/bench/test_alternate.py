"""Contenders in turn."""

import numpy as np
import pytest

from alexnet_cy.bench import alternate
from alexnet_cy.bench.passes import PassTimes


@pytest.fixture
def calls(monkeypatch):
    monkeypatch.setattr(alternate, "sleep", lambda seconds: calls.append("rest"))
    calls = []
    return calls


def contender(calls, name):
    def run():
        calls.append(name)
        return PassTimes({}, float(len(calls)), np.empty(0, np.float32))

    return run


def test_bursts_in_turn_each_after_a_rest_and_a_pass_that_does_not_count(calls):
    contenders = {name: contender(calls, name) for name in ("a", "b")}
    told = []
    times = alternate.alternate(contenders, 7, told.append)
    assert {name: len(found) for name, found in times.items()} == {"a": 7, "b": 7}
    a, b = ["rest", *["a"] * 6], ["rest", *["b"] * 6]
    assert calls == [*a, *b, *b[:4], *a[:4]]
    assert told == ["a"] * 5 + ["b"] * 7 + ["a"] * 2
    counted = [one.total_s for one in times["a"]]
    assert counted == [3, 4, 5, 6, 7, 21, 22]  # neither the first pass of a burst
