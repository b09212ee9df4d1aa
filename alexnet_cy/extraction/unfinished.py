"""An extraction that is not finished: rows that grow on disk, and the journal of what is done.

The folder is visible, and valid at every moment, whenever the process is killed:

- ``manifest.json``: what the job is (`manifest`); written first.
- ``<layer>.npy``: the rows so far (`growing`).
- ``journal.jsonl``: a line for every commit: images done, rows written, images skipped since the
  line before. It is written after the rows it counts; a line that is cut off does not count.

A commit brings the rows to the disk, counts them in the headers, and then says so in the journal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from time import monotonic
from typing import IO

from alexnet_cy.extraction.form import Rows
from alexnet_cy.extraction.growing import GrowingRows
from alexnet_cy.extraction.journal import JOURNAL, Progress, read_progress
from alexnet_cy.extraction.manifest import check_same_job, read_manifest

__all__ = [
    "BESIDE",
    "MANIFEST",
    "WHOLE",
    "Unfinished",
    "clear_remains",
    "remove_folder",
    "unfinished_folder",
    "write_whole",
]

MANIFEST = "manifest.json"
WHOLE, BESIDE = "whole", "beside"
"""The output and what lies beside it, before they get their own names."""

COMMIT_EVERY_S = 2.0
"""Seconds of work that a kill can cost at most; a commit waits for the disk, so not after each
batch."""


class Unfinished:
    """The folder of an unfinished extraction, locked for this process; a context manager.

    Parameters
    ----------
    folder : str
        Made if it is not there.
    manifest : mapping
        What can be JSON.
    row_shapes : mapping of str to tuple of int
        For each layer.
    dtype : str

    Raises
    ------
    DifferentJobError
        The folder is of another job.
    BlockingIOError
        Another process is at work in it.
    OSError
        It cannot be written, or is not what its journal says.
    """

    def __init__(
        self,
        folder: str,
        manifest: Mapping[str, object],
        row_shapes: Mapping[str, tuple[int, ...]],
        dtype: str,
    ) -> None:
        self.folder = folder
        self._n_told = 0  # skipped images that are in the journal
        self.kept = -1  # images done at the last commit
        self.rows: dict[str, GrowingRows] = {}
        self.progress = Progress()
        os.makedirs(folder, exist_ok=True)
        self._lock = _locked(folder)
        try:
            self._begin_or_go_on(manifest, row_shapes, dtype)
        except BaseException:
            self.close()
            raise

    def _begin_or_go_on(
        self,
        manifest: Mapping[str, object],
        row_shapes: Mapping[str, tuple[int, ...]],
        dtype: str,
    ) -> None:
        path = self.path(MANIFEST)
        begun = os.path.exists(path)
        if begun:
            new = json.loads(json.dumps(manifest))
            advice = "delete that folder, or take another output"
            check_same_job(read_manifest(path), new, self.folder, advice)
            self.progress = self._read_journal(new["images"])
            self.kept = self.progress.done
        else:
            with suppress(FileNotFoundError):
                os.unlink(self.path(JOURNAL))  # of a removal that was cut off
            write_whole(path, json.dumps(manifest, indent=2) + "\n")
        journal = self.path(JOURNAL)
        if not self.progress.packed:
            known = self.progress.rows if os.path.exists(journal) else None
            for layer, shape in row_shapes.items():
                self.rows[layer] = GrowingRows(self.path(f"{layer}.npy"), shape, dtype, known)
        self._journal: IO[bytes] = open(journal, "ab")
        self._committed_at = monotonic()
        if not os.path.getsize(journal):
            self.kept = -1
            self.commit()  # from now on the files are known to be there

    def path(self, name: str) -> str:
        """Return the path of a file of the folder."""
        return os.path.join(self.folder, name)

    def __enter__(self) -> Unfinished:
        """Return itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the files; the folder stays."""
        self.close()

    def append(
        self, values: Mapping[str, Rows], n_images: int, skipped: list[tuple[int, str]]
    ) -> None:
        """Take the rows of some images, and commit if the last commit is long ago.

        Parameters
        ----------
        values : mapping of str to ndarray
            Rows for each layer; as many for each.
        n_images : int
            Images that were looked at, with and without rows.
        skipped : list of (int, str)
            Index and error of those that could not be read.
        """
        for layer, rows in self.rows.items():
            rows.append(values[layer])
        self.progress.done += n_images
        self.progress.rows += len(next(iter(values.values())))
        self.progress.skipped += skipped
        if monotonic() - self._committed_at >= COMMIT_EVERY_S:
            self.commit()

    @property
    def is_even(self) -> bool:
        """Whether every layer has as many rows: not in the middle of `append`."""
        return all(rows.n_rows == self.progress.rows for rows in self.rows.values())

    def commit(self) -> None:
        """Bring everything to the disk that has been appended, so that it survives."""
        if self.progress.done == self.kept:
            return
        for rows in self.rows.values():
            rows.sync()
            rows.commit()
        self._tell({})
        self.kept = self.progress.done
        self._committed_at = monotonic()

    def mark_packed(self) -> None:
        """Say in the journal that the output is complete."""
        self.progress.packed = True
        self._tell({"packed": True})

    def remove(self) -> None:
        """Remove the folder and what is in it."""
        self.close()
        remove_folder(self.folder)

    def close(self) -> None:
        """Close the files and give up the lock."""
        for rows in self.rows.values():
            rows.close()
        self.rows = {}
        if hasattr(self, "_journal"):
            self._journal.close()
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def _tell(self, more: Mapping[str, object]) -> None:
        progress = self.progress
        line = {
            "done": progress.done,
            "rows": progress.rows,
            "skipped": progress.skipped[self._n_told :],
            **more,
        }
        self._journal.write(json.dumps(line).encode() + b"\n")
        self._journal.flush()
        os.fsync(self._journal.fileno())
        self._n_told = len(progress.skipped)

    def _read_journal(self, n_images: int) -> Progress:
        """Read what is done, and cut off a line that is not whole."""
        path = self.path(JOURNAL)
        progress, end = read_progress(self.folder)
        if progress.done > n_images:
            raise OSError(
                f"{path}: is damaged: {progress.done} of {n_images} images are done; delete "
                f"{self.folder}"
            )
        if os.path.exists(path):
            os.truncate(path, end)
        self._n_told = len(progress.skipped)
        return progress


def remove_folder(folder: str) -> None:
    """Remove the folder of an extraction; what others have put into it stays.

    The manifest goes first, so that nobody takes the rest for an extraction, and the journal last:
    it says whether the output is there.
    """
    own = [name for name in os.listdir(folder) if _is_own(name)]
    for name in sorted(own, key=lambda name: (name == JOURNAL, name != MANIFEST)):
        os.unlink(os.path.join(folder, name))
    if not os.listdir(folder):
        os.rmdir(folder)


def _is_own(name: str) -> bool:
    """Whether a name in the folder of an extraction is one that it writes."""
    return name in (WHOLE, BESIDE, JOURNAL) or name.endswith(
        (".npy", ".json", ".json.new", ".txt", ".txt.new")
    )


def clear_remains(folder: str) -> None:
    """Remove what is left of a folder whose removal was cut off: the manifest goes first."""
    if os.path.isdir(folder):
        names = os.listdir(folder)
        if not names or (MANIFEST not in names and read_progress(folder)[0].packed):
            remove_folder(folder)


def unfinished_folder(output: str) -> str:
    """Return where the rows of an output grow: beside it, or beside what a link leads to."""
    try:
        target = os.path.realpath(output)
    except FileNotFoundError:  # the current folder is gone
        target = output.rstrip(os.sep)
    return f"{target}.unfinished"


def write_whole(path: str, text: str) -> None:
    """Write a text file so that it is complete or not there."""
    beside = f"{path}.new"
    with open(beside, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(beside, path)


def _locked(folder: str) -> int:
    """Return a descriptor that keeps other processes out of a folder until it is closed."""
    import fcntl  # POSIX alone has it, and only those who write need it

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise BlockingIOError(f"{folder}: another process is writing it") from None
    return descriptor
