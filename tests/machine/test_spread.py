"""Threads that share a processor are moved to idle ones, and nothing stays pinned."""

import os

import pytest

from alexnet_cy.kernels import _runtime

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or not _runtime.openmp_version(),
    reason="needs Linux and OpenMP",
)


@pytest.fixture
def run(run_python):
    def run(program):
        done = run_python("-W", "error", "-c", program)
        assert done.returncode == 0, done.stderr

    return run


def test_every_thread_keeps_its_processors(run):
    run("""
import os
from alexnet_cy.kernels import _runtime
before = os.sched_getaffinity(0)
for threads in (1, 2, 3, 100):
    moved = [_runtime.spread_threads(threads) for _ in range(20)]
    assert all(0 <= count < threads for count in moved), moved
tasks = [os.sched_getaffinity(int(task)) for task in os.listdir("/proc/self/task")]
assert all(task == before for task in tasks), tasks
""")


def test_threads_on_one_processor_stay_there(run):
    run("""
import os
from alexnet_cy.kernels import _runtime
one = {min(os.sched_getaffinity(0))}
os.sched_setaffinity(0, one)
assert _runtime.spread_threads(2) == 0
assert os.sched_getaffinity(0) == one
""")


def test_one_thread_has_nobody_to_share_with():
    assert _runtime.spread_threads(1) == 0
