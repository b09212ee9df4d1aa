"""No kernel touches a byte beside its arrays, nor writes to an input."""

import signal
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect as Linux has it")

PROGRAM = str(Path(__file__).parents[1] / "support" / "guard_pages.py")


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize(
    "family", ["conv", "winograd", "linear", "pool", "lrn", "layout", "softmax"]
)
def test_kernels_stay_inside_their_arrays(run_python, family):
    done = run_python(PROGRAM, family)
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        pytest.fail(f"{family}: {name}: a kernel read or wrote beside an array, or to an input")
    assert done.returncode == 0, done.stderr


def test_the_guard_is_there(run_python):
    assert run_python(PROGRAM, "beyond").returncode == -signal.SIGSEGV
