"""Measured times of convolutions, kept from one process to the next.

One JSON file: ``{"format": ..., "entries": {key: {algorithm: milliseconds}}}``. A key says what the
times depend on (`entry_key`). Nothing in it is needed: a file that cannot be read or that holds
something else is reported, ignored and in the end replaced, and one that cannot be written is
reported.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from math import isfinite
from pathlib import Path

from alexnet_cy.engine.choice.conv_problem import ConvProblem
from alexnet_cy.machine.cache_folder import cache_folder
from alexnet_cy.machine.processor import processor_name
from alexnet_cy.machine.replace_file import replace_file
from alexnet_cy.version import __version__

__all__ = ["Times", "entry_key", "read_times", "times_file", "write_times"]

FILE_NAME = "tuning.json"
FORMAT = "alexnet_cy tuning 1"

# Entries kept, the newest: a network has five at one size, batch and number of threads.
MOST_ENTRIES = 2000

# An entry has some 250 bytes; a larger file is not one of ours.
LARGEST_FILE_BYTES = 4 << 20

Times = Mapping[str, float]
"""Milliseconds for the whole batch, by algorithm."""


def entry_key(
    problem: ConvProblem, algorithms: tuple[str, ...], *, level: str, threads: int, batch: int
) -> str:
    """Write down all that the times of a convolution depend on.

    Parameters
    ----------
    problem : ConvProblem
    algorithms : tuple of str
        Those that were compared.
    level : str
        The instruction-set level.
    threads, batch : int
    """
    settings = ", ".join(f"{name} {value}" for name, value in problem._asdict().items())
    return (
        f"{processor_name()}; {level}; {threads} threads; alexnet_cy {__version__}; "
        f"batch {batch}; {settings}; {' '.join(algorithms)}"
    )


def times_file() -> Path | None:
    """Return the file in the cache folder.

    Returns
    -------
    Path or None
        None if there is no such folder.

    Warns
    -----
    UserWarning
        There is none.
    """
    try:
        return cache_folder() / FILE_NAME
    except OSError as error:
        warnings.warn(f"the measured times cannot be kept: {error}", stacklevel=3)
        return None


def read_times(path: Path) -> dict[str, Times]:
    """Return the entries of a file, the oldest first; none if there is no such file.

    Warns
    -----
    UserWarning
        It cannot be read, or it is damaged, or something else: it is taken for empty.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is not a file")  # a pipe, say, which would never end
        with open(path, "rb") as stream:
            content = stream.read(LARGEST_FILE_BYTES + 1)
        if len(content) > LARGEST_FILE_BYTES:
            raise ValueError(f"more than {LARGEST_FILE_BYTES} bytes")
        return _checked(json.loads(content))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        warnings.warn(
            f"{str(path)!r} has no measured times that could be used ({error}); it is ignored and "
            "will be replaced",
            stacklevel=2,
        )
        return {}


def write_times(path: Path, entries: Mapping[str, Times]) -> None:
    """Add entries to a file; it is replaced as a whole, so that nobody reads half of it.

    Of two processes that write at the same moment one may lose its entries, and will measure again.

    Warns
    -----
    UserWarning
        It cannot be written.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the lookup of the entries has warned already
        old = read_times(path)
    merged = {key: times for key, times in old.items() if key not in entries} | dict(entries)
    kept = dict(list(merged.items())[-MOST_ENTRIES:])
    text = json.dumps({"format": FORMAT, "entries": kept}, indent=1) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as temporary:
            Path(temporary).write_text(text, encoding="utf-8")
    except OSError as error:
        warnings.warn(f"the measured times cannot be kept in {str(path)!r}: {error}", stacklevel=2)


def _checked(document: object) -> dict[str, Times]:
    """Return the entries of a file's content; ValueError if it is not as `write_times` makes it."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"it is not of the format {FORMAT!r}")
    entries = document.get("entries")
    if not isinstance(entries, dict):
        raise ValueError("it has no entries")
    for key, times in entries.items():
        if not isinstance(times, dict) or not all(map(_is_time, times.values())):
            raise ValueError(f"the entry {key!r:.300} does not hold times")
    return entries


def _is_time(value: object) -> bool:
    return isinstance(value, float) and isfinite(value) and value > 0
