"""Work of Python's that is shared out over threads: reading and packing, which let go of its lock.

concurrent.futures would do the same, and take longer to import than the work takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Thread
from typing import TypeVar

__all__ = ["share_out"]

Task = TypeVar("Task")


def share_out(do: Callable[[Task], object], tasks: Sequence[Task], threads: int) -> None:
    """Call ``do(task)`` for every task, on the caller's thread and as many others as are wanted.

    Raises
    ------
    BaseException
        What the first call to fail raised; no task is begun after it.
    """
    waiting = iter(tasks)  # shared: every task goes to one thread
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for task in waiting:
                if errors:
                    break
                do(task)
        except BaseException as error:  # the caller's thread raises it
            errors.append(error)

    helpers = [Thread(target=work) for _ in range(min(threads, len(tasks)) - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
