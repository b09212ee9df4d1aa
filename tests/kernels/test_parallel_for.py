"""Python's work shared out over the threads of the kernels."""

from threading import Barrier, current_thread

import pytest

from alexnet_cy.kernels._runtime import openmp_version, parallel_for


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_every_task_is_done_once(count, threads):
    done = []
    parallel_for(done.append, range(count), threads)
    assert sorted(done) == list(range(count))


@pytest.mark.skipif(openmp_version() == 0, reason="the build has no OpenMP")
def test_tasks_run_at_the_same_time():
    """Each waits for the other: on one thread they would wait for ever."""
    both = Barrier(2)
    parallel_for(lambda task: both.wait(timeout=30), range(2), 2)


def test_one_thread_is_the_callers():
    names = []
    parallel_for(lambda task: names.append(current_thread()), range(5), 1)
    assert set(names) == {current_thread()}


@pytest.mark.parametrize("threads", [1, 3])
def test_the_first_error_ends_it(threads):
    begun = []

    def fail(task):
        begun.append(task)
        raise KeyError(task)

    with pytest.raises(KeyError):
        parallel_for(fail, range(1000), threads)
    assert len(begun) <= threads
