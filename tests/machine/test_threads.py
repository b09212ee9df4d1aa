"""Threads that really run: how many, who limits them, and several callers at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.networks import images, narrow, random_weights
from support.operations import OPERATIONS
from support.samples import normal

from alexnet_cy import AlexNet
from alexnet_cy.engine.packed.winograd_packing import pack_winograd
from alexnet_cy.engine.runner import KEPT_PLANS
from alexnet_cy.engine.winograd import tile_cuts
from alexnet_cy.kernels import _runtime
from alexnet_cy.kernels.convolution import _winograd
from alexnet_cy.machine.levels import active_kernels
from alexnet_cy.machine.threads import available_processors, default_threads

needs_openmp = pytest.mark.skipif(
    _runtime.openmp_version() == 0, reason="this build has no OpenMP: every call runs in one thread"
)


@pytest.mark.parametrize("variable", ["1", "2", "64", None])
def test_the_variable_limits_the_default(run_python, variable):
    program = "from alexnet_cy.machine.threads import default_threads; print(default_threads())"
    done = run_python("-c", program, environment={"OMP_NUM_THREADS": variable})
    asked = available_processors() if variable is None else int(variable)
    expected = min(asked, available_processors()) if _runtime.openmp_version() else 1
    assert done.stdout == f"{expected}\n", done.stderr


COUNT_TASKS = """
import os
import numpy as np
from alexnet_cy import ops

def tasks():
    return len(os.listdir("/proc/self/task"))

x = np.ones(1_000_000, np.float32)
at_first = tasks()
for threads in {threads}:
    ops.relu(x, threads=threads)
print(tasks() - at_first)
"""


@needs_openmp
@pytest.mark.parametrize(
    ("threads", "variable", "started"),
    [
        ("[1, 1]", None, 0),
        ("[4, 4]", None, 3),
        ("[2, 5]", None, 4),
        ("[4]", "2", 3),  # the call has the last word
        ("[None]", "1", 0),
    ],
)
def test_a_call_starts_the_threads_it_was_given(run_python, threads, variable, started):
    variables = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": variable}
    done = run_python("-c", COUNT_TASKS.format(threads=threads), environment=variables)
    assert done.stdout == f"{started}\n", done.stderr


@needs_openmp
def test_threadpoolctl_sees_and_limits_us(run_python):
    pytest.importorskip("threadpoolctl")
    program = """
import alexnet_cy
from alexnet_cy.machine.threads import default_threads
from threadpoolctl import threadpool_info, threadpool_limits

assert "openmp" in [pool["user_api"] for pool in threadpool_info()], threadpool_info()
before = default_threads()
with threadpool_limits(1, "openmp"):
    assert default_threads() == 1
assert default_threads() == before
"""
    done = run_python("-c", program)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(default_threads() < 2, reason="one processor allows one thread only")
def test_the_affinity_of_the_process_counts(run_python):
    program = """
import os
from alexnet_cy.machine.threads import default_threads
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
print(default_threads())
"""
    assert run_python("-c", program).stdout == "1\n"


def in_parallel(call, arguments):
    """Call from as many Python threads at once as there are arguments; the results in order."""
    start = Barrier(len(arguments))

    def run(argument):
        start.wait()
        return call(argument)

    with ThreadPoolExecutor(len(arguments)) as pool:
        return list(pool.map(run, arguments))


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations_from_several_python_threads(name):
    operation = OPERATIONS[name]
    parameters, x = operation.parameters(), operation.images(8)
    expected = operation.compute(x, *parameters)
    parts = in_parallel(
        lambda part: operation.compute(part, *parameters, threads=2), list(x[:, None])
    )
    assert_same_bits(np.concatenate(parts), expected)


class Yielding(dict):
    """A dict that lets other threads run after every step of pushing something out."""

    def pop(self, *arguments):
        value = super().pop(*arguments)
        time.sleep(1e-3)
        return value


@pytest.mark.slow
def test_python_threads_that_push_out_one_anothers_plans():
    net = AlexNet(narrow("torchvision"), random_weights(narrow("torchvision")))
    net._runner._executors = Yielding()

    def forward(first):
        for size in range(70, 70 + 2 * KEPT_PLANS):
            empty = np.empty((0, 3, size, first), np.float32)
            assert net.forward(empty, ["conv1"])["conv1"].shape[:2] == (0, 64)

    in_parallel(forward, range(70, 78))
    assert len(net._runner._executors) == KEPT_PLANS


@pytest.mark.slow
def test_sixteen_python_threads_share_a_model():
    """Distinct inputs of distinct sizes of batch; weights are packed by whoever comes first."""
    variant = narrow("torchvision")
    weights = random_weights(variant)
    x = images(variant, 24)[:, :, :80, :70].copy()
    expected = AlexNet(variant, weights).forward(x, ["conv1_pre", "prob"])
    shared = AlexNet(variant, weights)
    parts = np.array_split(np.arange(24), 16)

    def forward(part):
        return [
            shared.forward(x[part], ["conv1_pre", "prob"], threads=1 + part[0] % 3)
            for _ in range(3)
        ]

    for part, results in zip(parts, in_parallel(forward, parts), strict=True):
        for result in results:
            for name, value in result.items():
                assert_same_bits(value, expected[name][part])


def test_calls_that_find_the_weights_untransformed_and_calls_that_transform_them():
    """The first call reads the kernels while the others put transformed weights in their place."""
    x, weight = normal(0, 4, 32, 15, 15), normal(1, 64, 32, 3, 3)
    cuts = tile_cuts(13, 3), tile_cuts(13, 3)

    def convolve(packed):
        y = np.empty((4, 13, 13, 64), np.float32)
        _winograd.WinogradConv2d(packed, pixels, y, *cuts, False).run(1)
        return y

    pixels = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    expected = None
    for _ in range(20):
        packed = pack_winograd(weight, None, stride=(1, 1), groups=1, kernels=active_kernels())
        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(convolve, [packed] * 4))
        expected = results[0] if expected is None else expected
        for y in results:
            np.testing.assert_array_equal(y, expected)
