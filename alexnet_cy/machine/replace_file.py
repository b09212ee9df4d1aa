"""Writing a file whole or not at all, and only where a regular file is or may be."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from alexnet_cy.machine.unfinished import hold

__all__ = ["move_into_place", "replace_file", "resolve_output"]

LOOKS = 20

_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def resolve_output(path: str | os.PathLike[str]) -> str:
    """Return the file that is made or replaced when `path` is written; links are followed.

    Parameters
    ----------
    path : path-like
        A file that exists or not. A symbolic link means what it points to, and stays.

    Returns
    -------
    str
        An absolute path without symbolic links.

    Raises
    ------
    IsADirectoryError, FileExistsError
        There is a folder, a device, a FIFO or a socket, which no file may replace.
    FileNotFoundError, NotADirectoryError
        There is no folder for it.
    OSError
        The path cannot be looked up: a loop of links, no permission.
    """
    name = os.fsdecode(path)
    try:
        target = os.path.realpath(name)
    except FileNotFoundError:
        raise FileNotFoundError(errno.ENOENT, "the current folder is gone", name) from None
    try:
        status = os.stat(name)
    except FileNotFoundError:
        folder = os.path.dirname(target)
        if not os.path.isdir(folder):
            raise FileNotFoundError(errno.ENOENT, f"there is no folder {folder}", name) from None
        return target
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", name)
    for is_of_kind, kind in _KINDS:
        if is_of_kind(status.st_mode):
            raise FileExistsError(errno.EEXIST, f"is {kind}, and no file may replace it", name)
    # A link of /proc/self/fd may lead to a file that has lost its name. Others may be replacing the
    # file just now: then the two names agree at another look.
    for _ in range(LOOKS):
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(name), os.stat(target)):
                return target
    raise FileNotFoundError(errno.ENOENT, "is a file without a name", name)


def move_into_place(
    temporary: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    overwrite: bool = True,
) -> None:
    """Give a complete file its name, in one step.

    A file that it replaces passes its mode on, as if it had been written into.

    Parameters
    ----------
    temporary : path-like
        A file on the same file system as `path`.
    path : path-like
        As for `resolve_output`.
    overwrite : bool
        Whether a file may be replaced.

    Raises
    ------
    FileExistsError
        There is a file, and it may not be replaced.
    OSError
        As for `resolve_output`, or the folder cannot be written to.
    """
    target = resolve_output(path)
    try:
        replaced = os.stat(target)
    except FileNotFoundError:
        pass
    else:
        if not overwrite:
            raise FileExistsError(errno.EEXIST, "exists by now", os.fsdecode(path))
        os.chmod(temporary, stat.S_IMODE(replaced.st_mode))
    os.replace(temporary, target)


@contextmanager
def replace_file(path: str | os.PathLike[str]) -> Iterator[str]:
    """Write a file so that it is either complete or not there.

    Yields the path of a temporary file in the same folder. It takes the place of `path` at the
    end of the block, and is removed if the block fails.

    Parameters
    ----------
    path : path-like
        The file to write. A regular file there is replaced, and the new one gets its mode; a
        symbolic link stays, and what it points to is replaced. A new file gets the mode that the
        umask leaves.

    Raises
    ------
    OSError
        `resolve_output` refuses the path, or the folder cannot be written to.
    """
    target = resolve_output(path)
    temporary, mode = _make_beside(target)
    descriptor = hold(temporary)
    try:
        yield temporary
        os.chmod(temporary, mode)  # some libraries write a file of their own in its place
        move_into_place(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    finally:
        os.close(descriptor)


def _make_beside(target: str) -> tuple[str, int]:
    """Make an empty file beside another; return its path, and its mode, which the umask decides."""
    while True:
        # No name that others could guess: in a folder of all users they would put a link there.
        temporary = f"{target}.{secrets.token_hex(4)}.part"
        with suppress(FileExistsError):
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            try:
                return temporary, stat.S_IMODE(os.fstat(descriptor).st_mode)
            finally:
                os.close(descriptor)
