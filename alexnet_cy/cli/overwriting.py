"""Files that a command writes: never over what it reads, over others only with --overwrite."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable

from alexnet_cy.cli.failures import CommandError, note
from alexnet_cy.cli.output import printable
from alexnet_cy.machine.leftovers import clear_leftovers
from alexnet_cy.machine.output_files import check_outputs

__all__ = ["add_overwrite_option", "allow_outputs", "weights_read"]


def add_overwrite_option(parser: argparse.ArgumentParser) -> None:
    """Add --overwrite, which `allow_outputs` is given."""
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a file that is there already"
    )


def allow_outputs(
    outputs: Iterable[str | os.PathLike[str]],
    read: Iterable[str | os.PathLike[str]] = (),
    *,
    overwrite: bool,
) -> None:
    """Check all that a command will write before it does any work.

    What earlier commands that were killed have left beside the outputs is removed, and told.

    Parameters
    ----------
    outputs, read
        As for `check_outputs`.
    overwrite : bool
        Whether files that are there may be replaced.

    Raises
    ------
    CommandError
        One of the outputs must not be written.
    """
    outputs = list(outputs)
    try:
        existing = check_outputs(outputs, read)
    except OSError as error:
        raise CommandError(f"{printable(error.filename)}: {error.strerror}") from error
    if existing and not overwrite:
        raise CommandError(f"{printable(existing[0])}: exists already; --overwrite replaces it")
    for path in outputs:
        for found in clear_leftovers(path):
            what = f"{printable(found.path)}, unfinished, {found.size_bytes / 1e6:.1f} MB"
            if found.removed:
                note(f"removed {what}: left by a command that was killed")
            else:
                note(f"found {what}: another command may be writing it; it stays")


def weights_read(name: str | None) -> list[str]:
    """Return the files that --weights may stand for: a file, or where a published one may be."""
    from alexnet_cy.published.download import places
    from alexnet_cy.published.registry import PUBLISHED, SMALLEST

    name = name or SMALLEST
    return [str(place) for place in places(PUBLISHED[name])] if name in PUBLISHED else [name]
