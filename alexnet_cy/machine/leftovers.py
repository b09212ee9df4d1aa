"""What a program that was killed has left beside a file it was writing.

Whoever writes holds a lock on the unfinished file or folder, which the system lets go with the
process, however that ends. So what nobody holds is a leftover.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from contextlib import suppress

from alexnet_cy.contracts.records import record
from alexnet_cy.machine.replace_file import resolve_output
from alexnet_cy.machine.unfinished import hold

__all__ = ["Leftover", "clear_leftovers"]

# Some libraries write a file of their own in the place of the one that is held. As long as it
# grows, it is no leftover.
QUIET_S = 60.0


@record(frozen=True, slots=True)
class Leftover:
    """An unfinished file or folder that was found.

    Attributes
    ----------
    path : str
    size_bytes : int
    removed : bool
        False if somebody may be writing it still.
    """

    path: str
    size_bytes: int
    removed: bool


def clear_leftovers(path: str | os.PathLike[str]) -> list[Leftover]:
    """Remove what earlier programs have begun to write in the place of a file, and left.

    Parameters
    ----------
    path : path-like
        A file that will be written.

    Returns
    -------
    list of Leftover
        All that was found, what may be in use still included.

    Raises
    ------
    OSError
        As for `resolve_output`.
    """
    folder, name = os.path.split(resolve_output(path))
    ours = re.compile(rf"\.?{re.escape(name)}\.[a-z0-9_]{{8}}\.part")
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if ours.fullmatch(entry.name))
    found = []
    for unfinished in (os.path.join(folder, name) for name in names):
        with suppress(OSError):
            found.append(_clear(unfinished))
    return found


def _clear(path: str) -> Leftover:
    is_folder = os.path.isdir(path) and not os.path.islink(path)
    parts = [os.path.join(path, name) for name in os.listdir(path)] if is_folder else [path]
    size_bytes = sum(os.lstat(part).st_size for part in parts)
    descriptor = hold(path)
    if descriptor < 0:
        return Leftover(path, size_bytes, removed=False)
    try:
        if is_folder:
            shutil.rmtree(path)
        elif time.time() - os.fstat(descriptor).st_mtime > QUIET_S:
            os.unlink(path)
        else:
            return Leftover(path, size_bytes, removed=False)
    finally:
        os.close(descriptor)
    return Leftover(path, size_bytes, removed=True)
