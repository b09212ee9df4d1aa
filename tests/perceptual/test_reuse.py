"""What LPIPS keeps between calls: the network of a file, and the plans of sizes of images."""

import os
import signal
import threading

import pytest
from safetensors.numpy import save_file
from support.perceptual import random_images, random_trunk

from alexnet_cy import LPIPS, lpips
from alexnet_cy.perceptual import trunk


def test_a_file_that_is_written_anew_is_another_network(tmp_path):
    path = tmp_path / "trunk.safetensors"
    images = random_images(0, 2, 40, 40)
    for seed in (0, 1):
        save_file(random_trunk(seed), path)
        assert lpips(*images, weights=path) == LPIPS(path)(*images)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_forked_while_another_thread_plans(metric, monkeypatch):
    """A lock that the thread held was waited for in the child for ever."""
    plans, go_on, make_plan = threading.Event(), threading.Event(), trunk.make_plan
    parent = os.getpid()

    def slow(*arguments, **options):
        if os.getpid() == parent:
            plans.set()
            go_on.wait()
        return make_plan(*arguments, **options)

    monkeypatch.setattr(trunk, "make_plan", slow)
    thread = threading.Thread(target=metric._distances.trunk.executor, args=(33, 47))
    thread.start()
    plans.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        metric._distances.trunk.executor(33, 47)
        os._exit(0)
    go_on.set()
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_only_so_many_plans_are_kept(metric):
    of_metric = metric._distances.trunk
    for width in range(40, 50):
        of_metric.executor(40, width)
    assert len(of_metric._executors) == trunk.KEPT_SIZES
