"""Opening a weight file: once, if it is a regular file of a sane size, then read by position.

Detection, the reader and the tensors that it hands out share the one opened file, so what was
checked is what is read. The tensors are read later, and the file may have been written to by then:
every read looks at the size and the times of the file, and what is another file by now is an error,
never a mixture of two. Nothing is mapped into memory: a mapped file that another process cuts
short kills the reading process with SIGBUS; a read returns fewer bytes, which becomes an error.
"""

from __future__ import annotations

import io
import mmap
import os
import stat
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.machine.file_stamp import FileStamp

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "MAX_FILE_BYTES",
    "FileStream",
    "WeightsFile",
    "as_weights_error",
    "open_file",
]

# The largest AlexNet files are snapshots that carry their diffs too: 488 MB in float32, twice
# that in float64.
MAX_FILE_BYTES = 2 << 30

MAX_FILES_BESIDE = 64


def open_file(path: str | os.PathLike[str]) -> WeightsFile:
    """Open a weight file; an already opened `WeightsFile` is returned as it is.

    Every reader begins with this, so that it may be given a path or the file that the detection
    has opened.

    Parameters
    ----------
    path : path-like
        Path of a regular file, or a `WeightsFile`; or a `FileStamp`, to open that file only as it
        was then.

    Returns
    -------
    WeightsFile

    Raises
    ------
    WeightsError
        The path cannot be opened, is not a regular file, is empty, or is larger than
        `MAX_FILE_BYTES`. Or it is not as its `FileStamp` has it.
    """
    if isinstance(path, WeightsFile):
        return path
    file = WeightsFile(path)
    if isinstance(path, FileStamp) and file.stamp != path:
        raise WeightsError(f"{file.path!r}: the file is gone or has been changed since")
    return file


class WeightsFile(os.PathLike[str]):
    """A regular file, open for reading at any position from any thread.

    It is closed when the last tensor that refers to it is gone.

    Parameters
    ----------
    path : path-like
        Path of a regular file.

    Attributes
    ----------
    path : str
        The path as given.
    size_bytes : int
        Length of the file when it was opened.
    stamp : FileStamp
        What it was when it was opened.

    Raises
    ------
    WeightsError
        As in `open_file`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        try:
            self._raw = io.FileIO(self.path, "rb", opener=_open_without_blocking)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise WeightsError(f"{self.path!r}: cannot be opened: {error}") from error
        weakref.finalize(self, self._raw.close)
        self._status = status = os.fstat(self._raw.fileno())
        self.size_bytes = status.st_size
        self.stamp = FileStamp.of_status(self.path, status)
        self._beside: dict[str, WeightsFile] = {}
        if not stat.S_ISREG(status.st_mode):
            raise WeightsError(f"{self.path!r}: not a regular file")
        if self.size_bytes == 0:
            raise WeightsError(f"{self.path!r}: the file is empty")
        if self.size_bytes > MAX_FILE_BYTES:
            raise WeightsError(
                f"{self.path!r}: {self.size_bytes} bytes; a weight file may have at most "
                f"{MAX_FILE_BYTES}"
            )

    def __fspath__(self) -> str:
        """Return the path, so that a reader can be given the opened file in its place."""
        return self.path

    def __repr__(self) -> str:
        """Return the path and the size."""
        return f"WeightsFile({self.path!r}, {self.size_bytes} bytes)"

    @property
    def stamps(self) -> tuple[FileStamp, ...]:
        """What the file and those beside it were when they were opened."""
        return self.stamp, *(file.stamp for file in self._beside.values())

    def beside(self, name: str) -> WeightsFile:
        """Open another file of the same folder, once; no link, so that no other place is meant.

        Raises
        ------
        WeightsError
            The name is not that of a regular file in the folder, or `MAX_FILES_BESIDE` are open.
        """
        if name in self._beside:
            return self._beside[name]
        if name in ("", ".", "..") or any(c in name for c in "/\\:\0"):
            raise WeightsError(f"{name[:80]!r}: only a file in the folder of the model is read")
        if len(self._beside) >= MAX_FILES_BESIDE:
            raise WeightsError(f"more than {MAX_FILES_BESIDE} files beside {self.path!r}")
        path = os.path.join(os.path.dirname(self.path), name)
        try:
            mode = os.lstat(path).st_mode
        except (OSError, ValueError) as error:
            raise WeightsError(
                f"{path!r} is not there: it belongs beside the model ({error})"
            ) from error
        if not stat.S_ISREG(mode):
            raise WeightsError(f"{path!r} is no regular file")
        self._beside[name] = file = WeightsFile(path)
        return file

    def read_into(self, offset: int, target: memoryview) -> None:
        """Fill a buffer from the file.

        Parameters
        ----------
        offset : int
            First byte to read.
        target : memoryview
            Writable and contiguous; ``target.nbytes`` bytes are read.

        Raises
        ------
        WeightsError
            The file ends before the buffer is full, cannot be read, or has been changed since it
            was opened.
        """
        target = target.cast("B") if target.nbytes else memoryview(b"")
        done = 0
        try:
            # One call reads at most 2 GiB - 4 KiB on Linux, and fewer bytes on some systems.
            while done < len(target):
                count = self._read_at(offset + done, target[done:])
                if not count:
                    break
                done += count
            # After the read: a change before it or during it shows as well.
            self._check_unchanged(os.fstat(self._raw.fileno()))
        except (OSError, ValueError, OverflowError) as error:
            raise WeightsError(f"{self.path!r}: cannot be read: {error}") from error
        if done < len(target):
            raise WeightsError(
                f"{self.path!r}: truncated: needs {len(target)} bytes at offset {offset}, "
                f"the file has {done} there"
            )

    def _check_unchanged(self, now: os.stat_result) -> None:
        """Refuse a file that may hold other bytes than when it was opened.

        A time of change (ctime) that is another may come of new bytes under an old time of writing
        (mtime), as of `cp -p`. It is taken for harmless only where something else has changed that
        sets it: a name was given or taken away (the file replaced, say), owner or mode.
        """
        then = self._status
        if (now.st_size, now.st_mtime_ns) == (then.st_size, then.st_mtime_ns) and (
            now.st_ctime_ns == then.st_ctime_ns or _attributes(now) != _attributes(then)
        ):
            self._status = now
            return
        if now.st_size != then.st_size:
            what = f"it had {then.st_size} bytes and has {now.st_size}"
        else:
            what = "it has been written to, touched or renamed"
        raise WeightsError(
            f"{self.path!r}: has been changed since it was opened: {what}; a network is the file "
            "that was opened, so load it anew"
        )

    def _read_at(self, offset: int, target: memoryview) -> int:
        """Read once, at most as many bytes as the target has; return how many came."""
        if hasattr(os, "preadv"):  # no position to share: several threads read at once
            return os.preadv(self._raw.fileno(), [target], offset)
        data = os.pread(self._raw.fileno(), len(target), offset)
        target[: len(data)] = data
        return len(data)

    def read_bytes(self, offset: int, count: int) -> bytes:
        """Return `count` bytes from `offset` on.

        Nothing is allocated before the range has been compared with the file's length.

        Raises
        ------
        WeightsError
            The range does not lie within the file, or the file cannot be read.
        """
        if offset < 0 or count < 0 or offset + count > self.size_bytes:
            raise WeightsError(
                f"{self.path!r}: truncated or corrupt: needs {count} bytes at offset {offset} "
                f"of a file of {self.size_bytes}"
            )
        buffer = bytearray(count)
        self.read_into(offset, memoryview(buffer))
        return bytes(buffer)

    def check(self) -> None:
        """Raise WeightsError if the file may hold other bytes than when it was opened."""
        try:
            self._check_unchanged(os.fstat(self._raw.fileno()))
        except (OSError, ValueError) as error:
            raise WeightsError(f"{self.path!r}: cannot be read: {error}") from error

    def map(self) -> memoryview:
        """Map the whole file into memory, read-only; its pages belong to all who map it."""
        try:
            return memoryview(mmap.mmap(self._raw.fileno(), 0, access=mmap.ACCESS_READ))
        except (OSError, ValueError) as error:
            raise WeightsError(f"{self.path!r}: cannot be mapped: {error}") from error

    def head(self, count: int) -> bytes:
        """Return the first `count` bytes, fewer if the file is shorter."""
        return self.read_bytes(0, min(count, self.size_bytes))

    def stream(self, max_read_bytes: int | None = None) -> FileStream:
        """Return an independent binary stream over the file, for libraries that want one.

        Parameters
        ----------
        max_read_bytes : int, optional
            A single read of more raises `WeightsError`: a bound on what a library can be made to
            take into memory by what the file says.
        """
        return FileStream(self, max_read_bytes)


class FileStream(io.RawIOBase):
    """A seekable, read-only binary stream with a position of its own over a `WeightsFile`."""

    def __init__(self, file: WeightsFile, max_read_bytes: int | None = None) -> None:
        self._file = file
        self._position = 0
        self._max_read_bytes = max_read_bytes

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position and return it; OSError if it lies before the start."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._file.size_bytes}
        position = start[whence] + offset
        if position < 0:
            raise OSError(f"seek to the negative position {position}")
        self._position = position
        return position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes, or all that is left; never more memory than that."""
        left = self._bytes_left()
        count = left if size is None or size < 0 else min(size, left)
        if self._max_read_bytes is not None and count > self._max_read_bytes:
            raise WeightsError(
                f"{self._file.path!r}: a part that should be small has {count} bytes; at most "
                f"{self._max_read_bytes} are read"
            )
        data = self._file.read_bytes(self._position, count) if count else b""
        self._position += count
        return data

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` as far as the file goes and return the number of bytes."""
        target = memoryview(buffer).cast("B")
        count = min(len(target), self._bytes_left())
        self._file.read_into(self._position, target[:count])
        self._position += count
        return count

    def _bytes_left(self) -> int:
        return max(0, self._file.size_bytes - self._position)


@contextmanager
def as_weights_error(what: str) -> Iterator[None]:
    """Turn every exception of a block into a `WeightsError`, with the exception as its cause.

    For calls into a library that a damaged file can make raise nearly anything.

    Parameters
    ----------
    what : str
        The message says that this cannot be read.
    """
    try:
        yield
    except WeightsError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"[:300]  # some quote the whole of what they got
        raise WeightsError(f"{what} cannot be read: {reason}") from error


def _attributes(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes the time of change and is no content."""
    return status.st_nlink, status.st_mode, status.st_uid, status.st_gid


def _open_without_blocking(path: str, flags: int) -> int:
    # Opening a FIFO must not wait for a writer; on the regular files that pass the check
    # afterwards O_NONBLOCK has no effect.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
