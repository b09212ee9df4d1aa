"""How many threads a call uses: the argument, the variable, the machine."""

import numpy as np
import pytest

from alexnet_cy.kernels import _runtime
from alexnet_cy.machine import threads as rules
from alexnet_cy.machine.threads import (
    MAX_THREADS,
    available_processors,
    default_threads,
    resolve_threads,
)


@pytest.fixture
def machine(monkeypatch):
    """A machine with so many processors allowed, so many granted, so many OpenMP threads."""

    def pretend(affinity, quota=None, openmp=MAX_THREADS):
        monkeypatch.setattr(rules.os, "sched_getaffinity", lambda pid: set(range(affinity)))
        monkeypatch.setattr(rules, "cpu_quota", lambda: quota)
        monkeypatch.setattr(rules._runtime, "openmp_max_threads", lambda: openmp)

    return pretend


@pytest.mark.parametrize(
    ("affinity", "quota", "openmp", "available", "default"),
    [
        (8, None, 8, 8, 8),
        (8, 3, 8, 3, 3),
        (2, 3, 8, 2, 2),
        (8, None, 4, 8, 4),  # OMP_NUM_THREADS=4
        (2, None, 64, 2, 2),  # OMP_NUM_THREADS=64
        (8, 1, 1, 1, 1),
    ],
)
def test_the_smallest_limit_counts(machine, affinity, quota, openmp, available, default):
    machine(affinity, quota, openmp)
    assert available_processors() == available
    assert default_threads() == resolve_threads(None) == default


def test_without_affinity_the_processors_are_counted(machine, monkeypatch):
    machine(8)
    monkeypatch.delattr(rules.os, "sched_getaffinity")
    monkeypatch.setattr(rules.os, "cpu_count", lambda: 5)
    assert available_processors() == 5
    monkeypatch.setattr(rules.os, "cpu_count", lambda: None)
    assert available_processors() == 1


@pytest.mark.parametrize(
    ("asked", "threads"),
    [
        *[(1, 1), (3, 3), (64, 64), (MAX_THREADS, MAX_THREADS), (np.int32(3), 3)],
        *[(-1, 8), (-2, 7), (-8, 1), (-9, 1), (-(10**9), 1)],
    ],
)
def test_the_argument(machine, asked, threads):
    machine(8)
    assert resolve_threads(asked) == threads


@pytest.mark.parametrize("asked", [0, MAX_THREADS + 1, 10**9, 2**70])
def test_numbers_out_of_range(asked):
    with pytest.raises(ValueError, match=rf"^threads: need 1 to {MAX_THREADS}, .*got {asked}$"):
        resolve_threads(asked)


@pytest.mark.parametrize("asked", [1.0, "2", True, False, [2]])
def test_what_is_no_number_of_threads(asked):
    with pytest.raises(TypeError, match=r"^threads: need a whole number or None, got "):
        resolve_threads(asked)


def test_a_region_of_one_thread_needs_no_openmp():
    assert [_runtime.threads_for(n) for n in (-5, 0, 1)] == [1, 1, 1]


def test_a_build_has_openmp_or_one_thread():
    assert (_runtime.openmp_version() >= 199810) == (_runtime.openmp_version() > 0)
    expected = 4 if _runtime.openmp_version() else 1
    assert _runtime.threads_for(4) == expected
