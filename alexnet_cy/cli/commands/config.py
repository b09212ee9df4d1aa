"""`alexnet-cy config`: what this build and this machine have."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from typing import TYPE_CHECKING

from alexnet_cy.cli.failures import warn
from alexnet_cy.cli.options import Subparsers, add_json_option
from alexnet_cy.cli.output import make_table, print_json, stdout_console
from alexnet_cy.configuration import config

if TYPE_CHECKING:
    from alexnet_cy.self_check import KernelCheck

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
Print what this build and this machine have: versions, instruction-set levels, threads, the folder
of published weights. With --check, also compare every kernel of every instruction-set level that
runs here with its definition: largest errors and bounds; the exit status is 1 if one is exceeded.
Bug reports want both.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command to the command line."""
    parser = subparsers.add_parser(
        "config", help="what this build and this machine have", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--check", action="store_true", help="check every kernel, which takes some seconds"
    )
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
    checks: list[KernelCheck] | None = None
    if not args.json:
        _print_entries(entries)
    if args.check:
        from alexnet_cy.self_check import check_kernels

        checks = check_kernels()
        entries["checks"] = list(map(_as_json, checks))
    if args.json:
        print_json(entries)
    elif checks is not None:
        _print_checks(checks)
    return 0 if all(check.passed for check in checks or []) else 1


def _as_json(check: KernelCheck) -> dict[str, object]:
    """Return a check for programs; an infinite error, which JSON does not know, is null."""
    finite = math.isfinite(check.error)
    return {**asdict(check), "error": check.error if finite else None, "passed": check.passed}


def _print_checks(checks: list[KernelCheck]) -> None:
    table = make_table("level", "operation", ">error", ">bound", ">of it", "worst case")
    for check in checks:
        table.add_row(
            check.level,
            check.operation,
            f"{check.error:.1e}",
            f"{check.bound:.1e}" if check.bound else "exact",
            f"{check.share:.0%}" if check.passed else "EXCEEDED",
            check.case,
        )
    console = stdout_console()
    console.print()
    console.print(table)
    n_exceeded = sum(not check.passed for check in checks)
    verdict = f"{n_exceeded} of them EXCEED" if n_exceeded else "none of them exceeds"
    console.print(f"\n{len(checks)} checks, largest errors: {verdict} the bound")


def _print_entries(entries: dict[str, object]) -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in entries.items():
        table.add_row(name.replace("_", " "), _text(value))
    stdout_console().print(table)


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items()) or "none"
    return "none" if value is None else str(value)
