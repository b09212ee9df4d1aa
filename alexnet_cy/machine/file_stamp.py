"""A file as it was at one moment: enough to find out later whether it is still the same."""

from __future__ import annotations

import os

from alexnet_cy.contracts.records import record

__all__ = ["FileStamp"]


@record(frozen=True, slots=True)
class FileStamp(os.PathLike[str]):
    """Path, size and time of last change of a file; a path to it, for whoever takes one.

    Attributes
    ----------
    path : str
        Absolute, so that it holds in a process that works in another folder.
    size_bytes : int
    mtime_ns : int
        Time of the last change, in nanoseconds since 1970.
    """

    path: str
    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> FileStamp:
        """Return the stamp of a file; OSError if there is none."""
        return cls.of_status(path, os.stat(path))

    @classmethod
    def of_status(cls, path: str | os.PathLike[str], status: os.stat_result) -> FileStamp:
        """Return the stamp of a file of which the system has said this."""
        return cls(os.path.abspath(os.fsdecode(path)), status.st_size, status.st_mtime_ns)

    def __fspath__(self) -> str:
        """Return the path."""
        return self.path

    def is_current(self) -> bool:
        """Whether the file is there and still has this size and time."""
        try:
            return FileStamp.of(self.path) == self
        except (OSError, ValueError):
            return False
