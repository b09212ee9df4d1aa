"""`alexnet-cy config`: what this build and this machine have."""

from __future__ import annotations

import argparse

from alexnet_cy.cli.failures import warn
from alexnet_cy.cli.options import Subparsers, add_json_option
from alexnet_cy.cli.output import print_json, stdout_console
from alexnet_cy.configuration import config

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Print what this build and this machine have: versions, instruction-set levels, threads, the folder
of published weights. Bug reports want it.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "config", help="what this build and this machine have", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    from alexnet_cy.machine.cache_folder import cache_folder

    folder: str | None = None
    try:
        folder = str(cache_folder())
    except OSError as error:
        warn(str(error))
    entries = {**config(), "weights_folder": folder}
    if args.json:
        print_json(entries)
        return 0
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in entries.items():
        table.add_row(name.replace("_", " "), _text(value))
    stdout_console().print(table)
    return 0


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items()) or "none"
    return "none" if value is None else str(value)
