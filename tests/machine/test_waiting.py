"""Threads that wait briefly while other programs want the processors."""

import pytest

from alexnet_cy.kernels import _runtime

pytestmark = pytest.mark.skipif(
    not _runtime.openmp_version() or "clang" in _runtime.compiler().lower(),
    reason="needs GNU's OpenMP",
)

HEAD = """
import os, time
from alexnet_cy.kernels import _runtime

at_first = len(os.listdir("/proc/self/task"))

def teams(least):
    "Wait until a team is asleep, or gone: a thread of its own sees to that."
    for _ in range(500):
        more = len(os.listdir("/proc/self/task")) - at_first
        if more >= least if least else more == 0:
            return True
        time.sleep(0.01)
    return False

def note(times, held_up, threads=2):
    for _ in range(times):
        _runtime.note_pass(threads, held_up)
"""


@pytest.fixture
def run(run_python):
    def run(program, **environment):
        done = run_python("-W", "error", "-c", HEAD + program, environment=environment)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""

    return run


def test_passes_held_up_shorten_the_wait_until_others_are_gone(run):
    run("""
assert not _runtime.waits_briefly()
note(1, True)
assert not _runtime.waits_briefly()
note(1, True)
assert _runtime.waits_briefly() and teams(2)
note(100, False)  # a pass cannot tell
assert _runtime.waits_briefly() and teams(2)
_runtime.wait_as_usual()
assert not _runtime.waits_briefly() and teams(0)
note(1, True)
note(8, False)
note(1, True)
assert not _runtime.waits_briefly()
note(1, True)
assert _runtime.waits_briefly() and teams(2)
""")


@pytest.mark.slow
@pytest.mark.parametrize(
    "passes",
    ["note(100, False)", "note(100, True, threads=1)", "note(1, True)"],
)
def test_what_is_no_sign_of_others(run, passes):
    run(f"""
{passes}
time.sleep(0.05)
assert not _runtime.waits_briefly()
""")


@pytest.mark.parametrize("variable", ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"])
def test_the_users_choice_stands(run, variable):
    value = {"OMP_WAIT_POLICY": "active", "GOMP_SPINCOUNT": "5000"}[variable]
    run(
        """
note(100, True)
time.sleep(0.05)
assert not _runtime.waits_briefly()
""",
        **{variable: value},
    )


def test_passes_and_children_go_on_while_a_team_sleeps(run):
    run("""
import numpy as np
from alexnet_cy import ops
x = np.random.default_rng(0).standard_normal((4, 64, 64, 64)).astype(np.float32)
expected = ops.local_response_norm(x, 5, threads=2)
note(2, True)
assert _runtime.waits_briefly()
np.testing.assert_array_equal(ops.local_response_norm(x, 5, threads=2), expected)
child = os.fork()
if child == 0:
    same = (ops.local_response_norm(x, 5, threads=2) == expected).all()
    _runtime.note_pass(2, True)
    os._exit(0 if same else 1)
assert os.waitpid(child, 0)[1] == 0
for _ in range(20):  # many changes in a row end in order
    _runtime.wait_as_usual()
    for _ in range(1000):  # a note is dropped while the team is about to go
        note(1, True)
        if _runtime.waits_briefly():
            break
    assert _runtime.waits_briefly()
""")


def test_the_system_counts_switches():
    before = _runtime.involuntary_switches()
    assert 0 <= before <= _runtime.involuntary_switches()
