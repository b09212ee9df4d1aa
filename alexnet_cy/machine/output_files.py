"""Whether files may be written, seen from a whole command: what it reads, and all it will write."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import suppress

from alexnet_cy.machine.replace_file import resolve_output

__all__ = ["check_outputs"]


def check_outputs(
    outputs: Iterable[str | os.PathLike[str]], read: Iterable[str | os.PathLike[str]] = ()
) -> list[str]:
    """Refuse files that must not be written, before any work is done.

    Files are compared by what they are (device and inode), whatever they are called.

    Parameters
    ----------
    outputs : iterable of path-like
        Every file that will be written.
    read : iterable of path-like
        Every file that is read; names that lead to no file do not matter.

    Returns
    -------
    list of str
        Those of the outputs that exist, and would be replaced.

    Raises
    ------
    FileExistsError
        An output is also read, comes twice, or is a device, a FIFO or a socket.
    PermissionError
        Its folder cannot be written to.
    OSError
        As for `resolve_output`: it is a folder, or there is no folder for it.
    """
    sources: set[tuple[int, int, str]] = set()
    for path in read:
        with suppress(OSError, ValueError):
            sources.add(_identity(path))
    written: set[tuple[int, int, str]] = set()
    existing = []
    for path in outputs:
        name = os.fsdecode(path)
        target = resolve_output(name)
        folder, last = os.path.split(target)
        exists = os.path.exists(target)
        identity = _identity(target) if exists else _identity(folder, last)
        if identity in sources:
            raise FileExistsError(errno.EEXIST, "is also read; choose another name", name)
        if identity in written:
            raise FileExistsError(errno.EEXIST, "would be written twice", name)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
        written.add(identity)
        if exists:
            existing.append(name)
    return existing


def _identity(path: str | os.PathLike[str], name: str = "") -> tuple[int, int, str]:
    """Identify a file among all files, or a name among all names of its folder."""
    status = os.stat(path)
    return status.st_dev, status.st_ino, name
