"""Unfinished files, held by whoever writes them, so that others can tell them from leftovers."""

from __future__ import annotations

import os

__all__ = ["hold"]


def hold(path: str) -> int:
    """Lock an unfinished file or folder; return a descriptor, to be closed when it is finished.

    Returns
    -------
    int
        -1 if another process holds it.

    Raises
    ------
    OSError
        It cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        pass
    except BlockingIOError:
        os.close(descriptor)
        return -1
    except OSError:  # a file system without locks
        pass
    return descriptor
