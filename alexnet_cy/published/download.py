"""Published files on this machine: found in a cache, or fetched into it, and known by their hash.

The cache is one folder, ``$ALEXNET_CY_HOME`` or in this user's cache; torch's folder is looked into
as well, so that nobody downloads torchvision's weights twice. A file that was put there by
hand is as good as a fetched one. Its hash is computed at every use, which takes 0.2 to
0.3 s for 244 MB on a processor with SHA instructions.
"""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from weakref import WeakSet

from alexnet_cy.machine.cache_folder import cache_folder
from alexnet_cy.machine.file_stamp import FileStamp
from alexnet_cy.published.checksum import GIT_BLOB, file_hash
from alexnet_cy.published.registry import PublishedFile, get_published, torch_checkpoints
from alexnet_cy.published.resumable import DownloadError, Progress, ResumableDownload

__all__ = ["fetch", "fetch_stamp", "find_here", "how_to_get", "part_of", "places"]

TIMEOUT_S = 30.0

_HASH_COMMANDS = {
    GIT_BLOB: "git hash-object --no-filters",
    "sha1": "sha1sum",
    "sha256": "sha256sum",
}


def places(file: PublishedFile) -> list[Path]:
    """Return where a published file may be on this machine, whether or not it is."""
    own = cache_folder() / file.file_name
    if file.variant == "torchvision":
        return [torch_checkpoints() / file.file_name, own]
    return [own]


def part_of(path: Path) -> Path:
    """Return where the bytes of a file are kept until they are complete."""
    return path.with_name(f"{path.name}.part")


def find_here(file: PublishedFile) -> FileStamp | None:
    """Return the file as it is here, or None; one of its name with another hash does not count.

    Warns
    -----
    UserWarning
        There is such a file.
    """
    for path in places(file):
        try:
            stamp = FileStamp.of(path)
            found = file_hash(path, file.hash_name)
        except OSError:
            continue
        if found == file.hash_hex:
            return stamp
        warnings.warn(
            f"{str(path)!r} is not the published file {file.name!r}: its {file.hash_name} hash is "
            f"{found}, not {file.hash_hex}",
            stacklevel=2,
        )
    return None


def fetch(
    name: str,
    *,
    timeout_s: float = TIMEOUT_S,
    announce: Callable[[PublishedFile, Path], None] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Return the path of a published file; parameters and errors are those of `fetch_stamp`."""
    return Path(fetch_stamp(name, timeout_s=timeout_s, announce=announce, progress=progress))


def fetch_stamp(
    name: str,
    *,
    timeout_s: float = TIMEOUT_S,
    announce: Callable[[PublishedFile, Path], None] | None = None,
    progress: Progress | None = None,
) -> FileStamp:
    """Return a published file, downloading it if it is not on this machine.

    A download that broke off is continued. Of several processes one downloads and the others wait.
    Built-in addresses are plain http in part; the hash of the content is what is relied on, and the
    file gets its name only once that is right.

    Parameters
    ----------
    name : str
        A name of `registry.PUBLISHED`.
    timeout_s : float
        Seconds without a byte after which a connection is given up.
    announce : callable, optional
        Called with the file and where it will be, before anything is downloaded.
    progress : callable, optional
        Called with the bytes that are there and, if it is known, their number in the end.

    Returns
    -------
    FileStamp
        Its path, and what it was when its hash was computed: opened by its stamp, it is what has
        been checked.

    Raises
    ------
    ValueError
        There is no such name.
    DownloadError
        The file cannot be fetched: no connection, an error of the server, another file.
    OSError
        The folder cannot be made or written to.
    """
    file = get_published(name)
    here = find_here(file)
    if here is not None:
        return here
    path = places(file)[-1]
    if announce is not None:
        announce(file, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(path.with_name(f".{path.name}.lock")):
        if path.is_file():
            stamp = FileStamp.of(path)
            if file_hash(path, file.hash_name) == file.hash_hex:
                return stamp  # by the process that this one has waited for
        download = ResumableDownload(file, part_of(path), timeout_s=timeout_s, progress=progress)
        failure = DownloadError(f"{file.name}: no address is known")
        for url in file.urls:
            try:
                download.fetch(url, path)
                return FileStamp.of(path)
            except DownloadError as error:
                failure = error
        raise failure


def how_to_get(file: PublishedFile) -> str:
    """Return the commands that fetch a file by hand and check it, one a line."""
    path = places(file)[-1]
    where = shlex.quote(str(path))
    check = _HASH_COMMANDS[file.hash_name]
    return "\n".join(
        [
            f"mkdir -p {shlex.quote(str(path.parent))}",
            *(f"curl -L -o {where} {shlex.quote(url)}" for url in file.urls),
            f"{check} {where}    # {file.hash_hex}",
        ]
    )


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    """Wait until no other process is in a block with the same lock.

    The system forgets the lock when its process ends, however that may be. Without `fcntl`, or on
    a file system without locks, nobody waits: two downloads into one part then fail their check.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    with FileIO(str(lock), "ab") as stream:
        _open_locks.add(stream)
        with suppress(OSError):
            fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            yield
        finally:  # for all processes that have the descriptor, not only when the last closes it
            if not stream.closed:
                with suppress(OSError):
                    fcntl.flock(stream, fcntl.LOCK_UN)


# The lock belongs to the opened file, which a forked child shares: as long as the child has it
# open, the lock may outlive the parent, and a download in the child would wait for itself.
_open_locks: WeakSet[FileIO] = WeakSet()


def _leave_locks_to_the_parent() -> None:
    for stream in list(_open_locks):
        stream.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_locks_to_the_parent)
