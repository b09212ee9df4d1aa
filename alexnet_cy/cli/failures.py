"""Errors and warnings of the command line, and their wording."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from alexnet_cy.cli.streams import write_line

__all__ = ["CommandError", "UsageError", "describe", "note", "reported_warnings", "warn"]


class UsageError(Exception):
    """The arguments make no sense, whatever the files hold; exit status 2."""


class CommandError(Exception):
    """A command cannot do what it was asked to; exit status 1.

    Parameters
    ----------
    message : str
        One line: what happened.
    advice : str
        Further lines: what to do about it.
    """

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice


def describe(error: BaseException) -> str:
    """Return what a line says of an error; a system's error with its file, as other tools do."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return f"out of memory: {error}" if str(error) else "out of memory"
    return str(error) or type(error).__name__


def note(text: str) -> None:
    """Write a line to stderr."""
    write_line(f"alexnet-cy: {text}")


def warn(text: str) -> None:
    """Warn people on stderr."""
    write_line(f"alexnet-cy: warning: {text}")


@contextmanager
def reported_warnings() -> Iterator[None]:
    """Write the library's warnings to stderr, a line each."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        warn(str(message))

    with warnings.catch_warnings():
        warnings.filterwarnings("always", category=UserWarning)
        warnings.showwarning = show
        yield
