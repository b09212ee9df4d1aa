"""Files that a command writes: never over what it reads, over others only with --overwrite."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable

from alexnet_cy.cli.failures import CommandError
from alexnet_cy.cli.output import printable
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
    try:
        existing = check_outputs(outputs, read)
    except OSError as error:
        raise CommandError(f"{printable(error.filename)}: {error.strerror}") from error
    if existing and not overwrite:
        raise CommandError(f"{printable(existing[0])}: exists already; --overwrite replaces it")


def weights_read(name: str | None) -> list[str]:
    """Return the files that --weights may stand for: a file, or where a published one may be."""
    from alexnet_cy.published.download import places
    from alexnet_cy.published.registry import PUBLISHED, SMALLEST

    name = name or SMALLEST
    return [str(place) for place in places(PUBLISHED[name])] if name in PUBLISHED else [name]
