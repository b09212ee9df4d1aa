"""Workspaces that wait for the next pass: few enough bytes, whatever callers come together."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from types import SimpleNamespace

import numpy as np
from support.networks import images, narrow, random_weights

from alexnet_cy import AlexNet
from alexnet_cy.engine.run.idle_workspaces import MOST, IdleWorkspaces


def workspace(nbytes, block=1):
    return SimpleNamespace(nbytes=nbytes, block=block)


def test_the_newest_stay():
    idle, first, second = IdleWorkspaces(100), object(), object()
    made = [workspace(40) for _ in range(4)]
    for owner, one in zip((first, second, first, second), made, strict=True):
        idle.keep(owner, one)
    assert (idle.of(first), idle.of(second), idle.nbytes) == ([made[2]], [made[3]], 80)
    assert idle.take(first, 2) is None
    assert idle.take(first, 1) is made[2]
    assert idle.take(first, 1) is None
    idle.keep(first, workspace(101))
    assert idle.nbytes == 0


def test_small_ones_are_counted():
    idle = IdleWorkspaces(1 << 30)
    for _ in range(MOST + 5):
        idle.keep(idle, workspace(1))
    assert idle.nbytes == MOST


def test_a_burst_of_callers_leaves_no_more_than_that():
    variant = narrow("torchvision")
    net = AlexNet(variant, random_weights(variant))
    pool, n_callers = net._runner._idle, 24
    x = images(variant, 2)[:, :, :80, :80].copy()
    expected = net.forward(x, ["pool2"])["pool2"].tobytes()
    pool._most_bytes = 3 * pool.nbytes
    together = Barrier(n_callers)

    def call(_):
        together.wait()
        return net.forward(x, ["pool2"], threads=1)["pool2"].tobytes()

    with ThreadPoolExecutor(n_callers) as threads:
        assert set(threads.map(call, range(n_callers))) == {expected}
    assert 0 < pool.nbytes <= pool._most_bytes
    for size in range(70, 100):
        net.forward(np.zeros((1, 3, size, size), np.float32), ["pool2"])
        assert pool.nbytes <= pool._most_bytes
