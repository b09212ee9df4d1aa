"""A model used before and after its process is copied; every copy must give the same bytes.

A program of its own, as the copies of a test process would inherit the test runner's threads::

    python children.py fork|spawn|forkserver before|after|in-a-thread

"before" and "after": when the child starts, seen from the first parallel region of the parent.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sys
from threading import Thread

from support.networks import images, narrow, random_weights

from alexnet_cy import AlexNet

PATIENCE_S = 60


def digest(net: AlexNet, threads: int = 3) -> str:
    x = images(net.variant)
    return hashlib.sha256(net.forward(x, threads=threads).tobytes()).hexdigest()


def child(net: AlexNet, go, answer) -> None:
    go.wait(PATIENCE_S)
    answer.send(digest(net))


def grandchild(net: AlexNet, answer) -> None:
    """Fork once more, out of a child that has computed."""
    first = digest(net)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if digest(net) == first else 1)
    answer.send(first if os.waitpid(pid, 0)[1] == 0 else "the grandchild differs")


def main(method: str, when: str) -> None:
    net = AlexNet(narrow(), random_weights(narrow()))
    context = multiprocessing.get_context(method)
    go, (receiver, sender) = context.Event(), context.Pipe(duplex=False)
    expected = []

    def compute() -> None:
        expected.append(digest(net))

    if when == "after":
        compute()
    if when == "in-a-thread":
        thread = Thread(target=compute)
        thread.start()
        thread.join()
    if when == "grandchild":
        compute()
        process = context.Process(target=grandchild, args=(net, sender))
    else:
        process = context.Process(target=child, args=(net, go, sender))
    process.start()
    if when == "before":
        compute()
    go.set()
    if not receiver.poll(PATIENCE_S):
        process.kill()
        sys.exit(f"the {method}ed child did not answer in {PATIENCE_S} s")
    answer = receiver.recv()
    process.join(PATIENCE_S)
    assert process.exitcode == 0, process.exitcode
    assert [answer] == expected, (answer, expected)
    assert digest(net) == answer


if __name__ == "__main__":
    main(*sys.argv[1:])
