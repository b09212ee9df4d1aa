"""Kernels bound to their arrays: run late, one behind the other, and interrupted."""

import signal
from threading import Timer

import numpy as np
import pytest

from alexnet_cy.kernels import _softmax
from alexnet_cy.kernels._bound import Bound, BoundLate, run_all


def test_kernels_run_in_their_order(kernels):
    values = np.array([-1, 2, -3, 4, 0, 0, 0, 0, 9, 9, 9, 9], np.float32)
    first = _softmax.Relu(kernels, values[:4], values[4:8])
    second = _softmax.Relu(kernels, values[4:8], values[8:])
    run_all((first, second), 2)
    np.testing.assert_array_equal(values[8:], [0, 2, 0, 4])
    run_all((), 1)


def test_it_reads_its_arrays_anew_each_time(kernels):
    x, y = np.array([-1, 1], np.float32), np.empty(2, np.float32)
    bound = _softmax.Relu(kernels, x, y)
    for value in (3, -5, 7):
        x[1] = value
        bound.run(1)
        np.testing.assert_array_equal(y, [0, max(value, 0)])


def test_it_keeps_its_arrays(kernels):
    x, y = np.full(1000, -1, np.float32), np.ones(1000, np.float32)
    bound, view = _softmax.Relu(kernels, x, y), y[:]
    del x, y
    bound.run(1)
    assert not view.any()


def test_what_is_bound_late(kernels):
    """Until a kernel is returned, every run asks; then none does."""
    asked = []
    y = np.ones(3, np.float32)

    def bind(threads):
        asked.append(threads)
        return _softmax.Relu(kernels, -np.ones(3, np.float32), y) if len(asked) == 3 else None

    late = BoundLate(bind)
    late.run(1)
    run_all((late,), 5)
    assert y.all()
    late.run(2)
    assert not y.any()
    late.run(4)
    assert asked == [1, 5, 2]


def test_errors_come_through_and_end_the_run(kernels):
    later = []

    def fail(_):
        raise OSError("the file has gone")

    late = BoundLate(fail)
    for _ in range(2):  # and it is asked again
        with pytest.raises(OSError, match="the file has gone"):
            run_all((late, BoundLate(later.append)), 1)
    assert later == []


@pytest.mark.parametrize("other", [3, None, "run"])
def test_what_is_no_kernel_is_refused(other):
    with pytest.raises(TypeError):
        run_all((other,), 1)
    with pytest.raises(TypeError):
        BoundLate(lambda _: 3).run(1)


def test_the_base_computes_nothing():
    with pytest.raises(NotImplementedError, match="Bound: a kernel has to say"):
        Bound().run(1)


def test_control_c_ends_a_long_run(kernels):
    """Between two kernels, not after all of them."""
    runs = []
    x = np.zeros(1 << 20, np.float32)
    slow = _softmax.Relu(kernels, x, x)

    def count(_):
        runs.append(len(runs))

    many = (slow, BoundLate(count)) * 20_000
    timer = Timer(0.2, signal.raise_signal, [signal.SIGINT])
    # What a shell runs in the background ignores interrupts, and so do its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run_all(many, 1)
    timer.join()
    signal.signal(signal.SIGINT, before)
    assert len(runs) < 20_000
