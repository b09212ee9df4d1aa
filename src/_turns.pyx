"""Work that one thread does while others wait for it, and that nobody can wait for in vain.

A lock alone would not do. Packing a layer runs Python code, and any Python code can be interrupted:
by a signal handler, a `__del__`, a callback of the garbage collection. If that runs a pass of the
same model, it would wait for a lock that its own thread holds, or whose holder waits for it. And in
a child forked meanwhile nobody is left to release the lock.
"""
import os
from threading import Lock
from weakref import WeakSet

from alexnet_cy.kernels._runtime cimport depth_of_work

all_turns = WeakSet()


cdef class Turns:
    """Threads take turns at some work, each when the one before has ended.

    Whoever is in such work already, of this object or another, waits for nobody: it works beside
    the other thread. So nothing ever waits in a circle. In a forked child it is everyone's turn.
    """

    cdef object lock
    cdef object __weakref__

    def __cinit__(self):
        self.lock = Lock()
        all_turns.add(self)

    def do(self, work):
        """Return ``work()``, called when it is this thread's turn.

        Parameters
        ----------
        work : callable
            Looks first whether it has been done by then. It must bear being done twice at once:
            what was kept first stays.
        """
        cdef int *depth = depth_of_work()
        depth[0] += 1
        try:
            if depth[0] > 1:
                return work()
            with self.lock:
                return work()
        finally:
            depth[0] -= 1


def begin_anew():
    """Forget, in a forked child, whose turn it was: those threads do not exist there."""
    cdef Turns turns
    for turns in list(all_turns):
        turns.lock = Lock()


os.register_at_fork(after_in_child=begin_anew)
