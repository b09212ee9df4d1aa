"""No kernel touches a byte beside its arrays, nor writes to an input."""

import signal
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect as Linux has it"),
]

PROGRAM = str(Path(__file__).parents[1] / "support" / "guard_pages.py")


FAMILIES = [
    "conv",
    "winograd",
    "linear",
    "pool",
    "lrn",
    "layout",
    "softmax",
    "distance",
    "resize",
    "gradients",
]


@pytest.mark.usefixtures("isa")
def test_kernels_stay_inside_their_arrays(run_python):
    done = run_python(PROGRAM, *FAMILIES)
    begun = done.stdout.split()
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        pytest.fail(f"{begun[-1]}: {name}: read or wrote beside an array, or to an input")
    assert done.returncode == 0, done.stderr
    assert begun == FAMILIES


def test_the_guard_is_there(run_python):
    assert run_python(PROGRAM, "beyond").returncode == -signal.SIGSEGV
