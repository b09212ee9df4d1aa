"""Packing, tuning, decoding, downloading: forked in the middle, or interrupted by more of it.

Every program here waited for ever before there were turns; each is given half a minute.
"""

import os
from threading import Event, Thread

import pytest

from alexnet_cy.kernels._runtime import openmp_version
from alexnet_cy.kernels._turns import Turns

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork"),
]

HEAD = """
import faulthandler, gc, os, signal, sys, threading
import numpy as np
from alexnet_cy import AlexNet
from alexnet_cy.contracts.tensors import ArrayTensor, TensorRef
from support.networks import WatchedTensor, images, narrow, random_weights

faulthandler.dump_traceback_later(30, exit=True)
variant = narrow()
arrays = random_weights(variant)
x = images(variant)
expected = AlexNet(variant, arrays).forward(x).tobytes()

def network(name, on_read, kind=WatchedTensor):
    "A network that calls `on_read` whenever it reads one of its tensors."
    tensors = {key: ArrayTensor(array) for key, array in arrays.items()}
    return AlexNet(variant, tensors | {name: kind(arrays[name], on_read)})

def in_a_child(do):
    "Fork; do it in the child; fail unless that ends with success within 20 seconds."
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        try:
            os._exit(0 if do() else 1)
        finally:
            os._exit(2)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status == 0, f"the child ended with {status}"

class RowsTensor(WatchedTensor):
    "A tensor that is read by rows, as those of files are."

    reads_rows = True

    def read_rows(self, first, out):
        self.on_read()
        out[...] = self._array[first : first + len(out)]
"""


@pytest.fixture
def run(run_python):
    def run(program, **environment):
        done = run_python("-c", HEAD + program, environment=environment)
        assert done.returncode == 0, done.stderr

    return run


@pytest.mark.parametrize("name", ["conv2.weight", "fc7.weight"])
def test_a_child_forked_while_a_thread_packs(run, name):
    run(f"""
parent, packs, go_on = os.getpid(), threading.Event(), threading.Event()

def on_read():
    if os.getpid() == parent:
        packs.set()
        go_on.wait()

net = network({name!r}, on_read)
net_of_thread = []
thread = threading.Thread(target=lambda: net_of_thread.append(net.forward(x)))
thread.start()
packs.wait()
in_a_child(lambda: net.forward(x).tobytes() == expected == net.forward(x).tobytes())
go_on.set()
thread.join()
assert net_of_thread[0].tobytes() == expected
""")


def test_a_child_forked_while_a_thread_transforms(run):
    """Winograd's weights are made without the GIL: there are forks at many moments of it."""
    run("""
nets, began, stop = [], threading.Event(), threading.Event()

def transform():
    while not stop.is_set():
        nets.append(AlexNet(variant, arrays))
        layers = nets[-1]._runner._packed
        for i in range(2, 6):
            began.set()
            layers.conv(f"conv{i}").pack_winograd(1).transform(1)

thread = threading.Thread(target=transform)
thread.start()
began.wait()
for _ in range(10):
    net = nets[-1]
    in_a_child(lambda: net.forward(x).tobytes() == expected)
stop.set()
thread.join()
""")


def test_a_child_forked_while_a_thread_tunes(run, tmp_path):
    run(
        """
from alexnet_cy.engine.tune import tuning

parent, tunes, go_on = os.getpid(), threading.Event(), threading.Event()
measure_ms = tuning.measure_ms

def slow(*arguments, **named):
    if os.getpid() == parent:
        tunes.set()
        go_on.wait()
    return measure_ms(*arguments, **named)

tuning.measure_ms = slow
tuning.ENOUGH_S, tuning.FEWEST_ROUNDS = 0.0, 1
net = AlexNet(variant, arrays)
thread = threading.Thread(target=lambda: net.tune(height=67, width=67))
thread.start()
tunes.wait()
in_a_child(lambda: net.tune(height=67, width=67).measured)
go_on.set()
thread.join()
assert net._runner.tuned
""",
        ALEXNET_CY_HOME=str(tmp_path),
    )


def test_a_loop_over_images_goes_on_in_a_child(run):
    """The threads that decode are not copied; the child starts its own."""
    run("""
net = AlexNet(variant, arrays)
pixels = [np.full((30, 40, 3), i, np.uint8) for i in range(130)]

def rest(batches):
    return [batch.values["pool1"].tobytes() for batch in batches]

whole = rest(net.iter_features(pixels, "pool1", threads=2))
batches = net.iter_features(pixels, "pool1", threads=2)
next(batches)
in_a_child(lambda: rest(batches) == whole[1:])
assert rest(batches) == whole[1:]
""")


def test_a_child_forked_during_a_download(run, tmp_path):
    """The child shares the opened lock file, and must not take the lock for another's."""
    run(f"""
from pathlib import Path
from alexnet_cy.published.download import _one_at_a_time

lock = Path({str(tmp_path / "lock")!r})

def take():
    with _one_at_a_time(lock):
        return True

with _one_at_a_time(lock):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        take()
        signal.pause()  # lives on, as a worker does
in_a_child(take)
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
""")


@pytest.mark.parametrize("kind", ["WatchedTensor", "RowsTensor"])
@pytest.mark.parametrize("name", ["conv2.weight", "fc7.weight"])
def test_a_signal_handler_runs_the_model_that_is_being_packed(run, name, kind):
    run(f"""
inside = []

def handler(signum, frame):
    inside.append(net.forward(x).tobytes())

signal.signal(signal.SIGUSR1, handler)

def on_read():
    if not inside:
        inside.append(b"")
        signal.raise_signal(signal.SIGUSR1)

net = network({name!r}, on_read, {kind})
for _ in range(3):  # used as they are read, then packed, then there
    assert net.forward(x, threads=1).tobytes() == expected
assert inside == [b"", expected]
""")


@pytest.mark.skipif(not openmp_version(), reason="needs OpenMP")
def test_a_garbage_collection_runs_the_model_on_a_thread_that_helps_to_pack(run):
    """The thread that began to pack holds the layer, and waits for the one that collects."""
    run("""
main, inside, together, both = threading.get_ident(), [], [], threading.Barrier(2)

class Last:
    def __del__(self):
        inside.append(net.forward(x).tobytes())

def on_read():
    try:
        together.pop()
    except IndexError:
        return
    both.wait(20)
    if threading.get_ident() != main:
        circle = [Last()]
        circle.append(circle)
        del circle
        gc.collect()

net = network("conv2.weight", on_read, RowsTensor)
assert net.forward(x, threads=2).tobytes() == expected
together += 1, 2
assert net.forward(x, threads=2).tobytes() == expected  # packs, on two threads
assert inside == [expected]
""")


def test_threads_take_turns():
    turns, inside, go_on, log = Turns(), Event(), Event(), []

    def first():
        inside.set()
        go_on.wait(30)
        log.append("first")

    def second():
        log.append("second")

    threads = [Thread(target=turns.do, args=(first,))]
    threads[0].start()
    inside.wait(30)
    threads.append(Thread(target=turns.do, args=(second,)))
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert log == ["first", "second"]


def test_an_error_ends_a_turn():
    turns = Turns()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            turns.do(lambda: 1 / 0)
    assert turns.do(lambda: turns.do(lambda: 5)) == 5
