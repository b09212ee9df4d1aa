"""What ``import alexnet_cy`` costs and leaves behind: modules, threads, the floating-point mode."""

import json
import sys

import pytest

import alexnet_cy

HEAVY = [
    "PIL",
    "rich",
    "platformdirs",
    "requests",
    "safetensors",
    "google.protobuf",
    "matplotlib",
    "threadpoolctl",
]
LATER = ["alexnet_cy.images", "alexnet_cy.cli", "alexnet_cy.labels", "alexnet_cy.oracle.network"]


@pytest.fixture(scope="module")
def modules(run_python):
    """The names of the modules that are there after an import of NumPy, and of the package."""
    program = (
        "import json, sys, {}; print(json.dumps(sorted(m for m in sys.modules if '__main__' != m)))"
    )

    def imported(name):
        done = run_python("-W", "error", "-c", program.format(name))
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return set(json.loads(done.stdout))

    return imported("numpy"), imported("alexnet_cy")


@pytest.mark.parametrize("name", [*HEAVY, *LATER])
def test_what_is_not_needed_yet_is_not_imported(modules, name):
    assert name not in modules[1]


def test_nothing_of_others_but_numpy(modules):
    with_numpy, with_package = ({name.partition(".")[0] for name in names} for names in modules)
    new = with_package - with_numpy - sys.stdlib_module_names
    assert {name for name in new if not name.startswith(("_cython", "cython", "_cyutility"))} == {
        "alexnet_cy"
    }


def test_every_public_name_is_there():
    for name in alexnet_cy.__all__:
        assert getattr(alexnet_cy, name) is not None
    assert set(alexnet_cy.__all__) <= set(dir(alexnet_cy))


def test_no_thread_starts_and_no_variable_changes(run_python):
    program = """
import os, numpy
before = len(os.listdir("/proc/self/task")), dict(os.environ)
import alexnet_cy
assert (len(os.listdir("/proc/self/task")), dict(os.environ)) == before
"""
    done = run_python("-c", program, environment={"OPENBLAS_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr


def test_denormal_numbers_stay(run_python):
    """A library linked with -ffast-math flushes them to zero for the whole process."""
    program = """
import threading
import numpy as np
import alexnet_cy

smallest = np.full(4, 1e-45, np.float32)
kept = []

def look():
    kept.append((smallest * np.float32(1) > 0).all())
    kept.append(np.finfo(np.float32).smallest_subnormal > 0)

look()
alexnet_cy.ops.relu(np.ones(200_000, np.float32), threads=4)
look()
worker = threading.Thread(target=look)
worker.start()
worker.join()
many = np.full(400_000, 1e-45, np.float32)
kept.append((alexnet_cy.ops.relu(many, threads=4) > 0).all())
assert all(kept) and len(kept) == 7, kept
"""
    done = run_python("-W", "error", "-c", program)
    assert done.returncode == 0, done.stderr


def test_a_process_ends_quietly_after_use(run_python):
    program = """
import numpy as np
from alexnet_cy import ops
print(ops.relu(np.array([-1.0, 2.0]), threads=2))
"""
    done = run_python("-X", "dev", "-W", "error", "-c", program)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[0. 2.]\n", "")
