"""Passes take fewer threads while other programs want the processors."""

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.networks import images, narrow, random_weights

from alexnet_cy import AlexNet
from alexnet_cy.engine.run.pace import Pace
from alexnet_cy.kernels import _runtime
from alexnet_cy.machine import left_processors, threads
from alexnet_cy.machine.left_processors import LeftProcessors
from alexnet_cy.machine.processor_ticks import processor_ticks


class Machine:
    """A machine of four processors, whose time goes on as a test says."""

    def __init__(self):
        self.busy = True
        self.seconds = self.own = 0.0
        self.idle = 0
        self.counts = True

    def ticks(self):
        ticks = {f"cpu{i}": (0, 0, 0, self.idle, 0, 0, 0, 0, 0, 0) for i in range(4)}
        ticks["cpu7"] = (0, 0, 0, 10**9 * self.idle, 0, 0, 0, 0, 0, 0)  # not for this process
        return ticks if self.counts else None

    def go_on(self, *, idle, own):
        """Let a second pass, in which so many processors are idle, and so many this process's."""
        self.seconds += 1
        self.idle += round(100 * idle / 4)
        self.own += own

    def wait_as_usual(self):
        self.busy = False


@pytest.fixture
def machine(monkeypatch):
    machine = Machine()
    monkeypatch.setattr(left_processors, "processor_ticks", machine.ticks)
    monkeypatch.setattr(left_processors, "perf_counter", lambda: machine.seconds)
    monkeypatch.setattr(left_processors, "process_time", lambda: machine.own)
    monkeypatch.setattr(_runtime, "waits_briefly", lambda: machine.busy)
    monkeypatch.setattr(_runtime, "wait_as_usual", machine.wait_as_usual)
    os = left_processors.os
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(os, "sysconf", lambda name: 100)
    return machine


def test_a_quiet_machine_is_not_watched(machine):
    machine.busy = False
    machine.counts = None
    left = LeftProcessors()
    assert [left.threads(wanted) for wanted in (1, 2, 64)] == [1, 2, 64]


def test_as_many_threads_as_others_leave_processors(machine):
    left = LeftProcessors()
    assert left.threads(4) == 4  # not known yet
    machine.seconds += 0.09
    assert left.threads(4) == 4
    machine.seconds -= 0.09
    machine.go_on(idle=0, own=2)
    assert left.threads(4) == 2
    machine.go_on(idle=1, own=2)
    assert left.threads(4) == 3
    assert left.threads(2) == 2
    machine.go_on(idle=0, own=1.7)
    assert left.threads(4) == 1
    machine.go_on(idle=0, own=0.1)  # it has to wait itself
    assert left.threads(4) == 1
    assert machine.busy


def test_a_quiet_machine_is_noticed(machine):
    left = LeftProcessors()
    left.threads(4)
    machine.go_on(idle=2.8, own=1)
    assert left.threads(4) == 4
    assert not machine.busy
    assert left.threads(4) == 4
    machine.busy = True  # and what was counted before is forgotten
    machine.go_on(idle=4, own=0)
    assert left.threads(4) == 4
    machine.go_on(idle=0, own=1)
    assert left.threads(4) == 1


def test_systems_that_do_not_count_are_busy_for_a_while(machine):
    machine.counts = False
    left = LeftProcessors()
    assert left.threads(2) == 2
    assert machine.busy
    machine.go_on(idle=0, own=0)
    assert left.threads(2) == 2
    assert not machine.busy


def test_linux_counts_each_processor():
    ticks = processor_ticks()
    if ticks is None:
        pytest.skip("this system does not count")
    assert "cpu" in ticks
    assert all(name.startswith("cpu") and min(fields) >= 0 for name, fields in ticks.items())


@pytest.mark.parametrize(("requested", "expected"), [(None, 1), (3, 3)])
def test_only_the_default_goes_down(monkeypatch, requested, expected):
    x = images(narrow())[:1]
    net = AlexNet(narrow(), random_weights(narrow()))
    values = net.forward(x, threads=1)
    taken = []
    monkeypatch.setattr(threads, "default_threads", lambda: 4)
    monkeypatch.setattr(threads._left, "threads", lambda wanted: 1)
    monkeypatch.setattr(
        Pace, "note", lambda self, kind, threads, seconds, switches: taken.append(threads)
    )
    assert_same_bits(net.forward(x, threads=requested), values)
    net.classify([np.zeros((9, 9, 3), np.uint8)], threads=requested)
    net.features([np.zeros((9, 9, 3), np.uint8)], "fc6", threads=requested)
    assert taken == 3 * [expected]
