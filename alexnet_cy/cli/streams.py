"""The three standard streams, whatever the caller has done to them."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

__all__ = ["flush_stdout", "open_missing_streams", "silence", "write_line"]


def open_missing_streams() -> None:
    """Open the null device in place of streams that are closed; stdout is left to the caller.

    Otherwise the next file that is opened would get the stream's number, and with it what libraries
    print.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)


def write_line(text: str) -> None:
    """Print a line on stderr; if that is full or closed, nothing can be said."""
    try:
        print(text, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        silence(sys.stderr)


def flush_stdout() -> None:
    """Write out what is buffered, or drop it if it cannot be written."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):  # ValueError: it has been closed
        silence(sys.stdout)


def silence(stream: TextIO) -> None:
    """Send what is still in the buffers nowhere, so that the interpreter's last flush succeeds."""
    with suppress(OSError, ValueError):  # ValueError: the stream is not a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
