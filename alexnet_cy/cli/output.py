"""Printing: tables for people, JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = ["make_table", "print_json", "printable", "stdout_console"]

# Where stdout is no terminal, nothing is cut off or wrapped to fit one.
WIDTH_WITHOUT_TERMINAL = 10_000


def stdout_console() -> Console:
    """Return a console for stdout: colours on a terminal only, no guessing of what to highlight."""
    from rich.console import Console

    class PipeConsole(Console):
        """A console that lets the caller know when nobody reads any more."""

        def on_broken_pipe(self) -> NoReturn:
            raise  # the BrokenPipeError that this is called for

    if "backslashreplace" not in (getattr(sys.stdout, "errors", None) or ""):
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    width = None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL
    return PipeConsole(width=width, highlight=False, markup=False, emoji=False)


def make_table(*columns: str) -> Table:
    """Return a table with a rule under its header; columns whose name begins with ">" are numbers.

    Parameters
    ----------
    *columns : str
        Headers.
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for column in columns:
        justify = "right" if column.startswith(">") else "left"
        table.add_column(column.removeprefix(">"), justify=justify)  # type: ignore[arg-type]
    return table


def print_json(value: object) -> None:
    """Print a JSON document on stdout."""
    json.dump(value, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def printable(path: str | os.PathLike[str]) -> str:
    r"""Return a path as it can be shown: control characters as \x1b, broken encodings as \udc80."""
    text = os.fspath(path)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
