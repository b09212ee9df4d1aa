"""Processes made after, and before, the first parallel region: the same bytes, and no hanging."""

import os
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROGRAM = str(Path(__file__).parents[1] / "support" / "children.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(
    ("method", "when"),
    [
        ("fork", "after"),
        ("fork", "before"),
        ("fork", "in-a-thread"),
        ("fork", "grandchild"),
        ("spawn", "after"),
        ("forkserver", "after"),
    ],
)
def test_children_give_the_same_bytes(run_python, method, when):
    if method == "forkserver" and sys.platform != "linux":
        pytest.skip("the way that Linux goes from Python 3.14 on")
    done = run_python(PROGRAM, method, when)
    assert done.returncode == 0, done.stderr


def test_a_forked_child_of_a_parallel_parent_works_with_one_thread(run_python):
    """Else it would wait for threads that were not copied."""
    program = """
import os
from alexnet_cy.kernels import _runtime

assert _runtime.threads_for(3) == (3 if _runtime.openmp_version() else 1)
pid = os.fork()
if pid == 0:
    os._exit(10 + _runtime.threads_for(3))
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 11
"""
    done = run_python("-c", program)
    assert done.returncode == 0, done.stderr


def test_a_child_forked_before_uses_threads(run_python):
    program = """
import os
from alexnet_cy.kernels import _runtime

pid = os.fork()
if pid == 0:
    os._exit(10 + _runtime.threads_for(3))
expected = 13 if _runtime.openmp_version() else 11
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == expected
"""
    done = run_python("-c", program)
    assert done.returncode == 0, done.stderr
