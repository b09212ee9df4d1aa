"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["replace_file"]


@contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[str]:
    """Write a file so that it is either complete or not there.

    Yields the path of a temporary file in the same directory. It takes the place of `path` at
    the end of the block, and is removed if the block fails.

    Parameters
    ----------
    path : path-like
        The file to write; it may exist.

    Raises
    ------
    OSError
        The directory cannot be written to.
    """
    target = os.fspath(path)
    temporary = f"{target}.{os.getpid()}-{threading.get_ident()}.part"
    try:
        yield temporary
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
