"""`alexnet-cy weights`: the published weight files, fetched, found and checked."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from alexnet_cy.cli.failures import CommandError
from alexnet_cy.cli.network import fetch_published
from alexnet_cy.cli.options import Subparsers, add_json_option
from alexnet_cy.cli.output import make_table, print_json, printable, stdout_console
from alexnet_cy.cli.weight_checks import Check, check_file, check_published

if TYPE_CHECKING:
    from alexnet_cy.published.registry import PublishedFile

__all__ = ["add_parser", "run"]

DESCRIPTION = """\
The weight files that others publish: list them, fetch them into a cache once, check them, explain
where they are. The cache is $ALEXNET_CY_HOME or this user's cache folder; torch's is looked into
as well.
"""


def add_parser(subparsers: Subparsers) -> None:
    """Add the command and its own commands to the command line."""
    parser = subparsers.add_parser(
        "weights", help="list, fetch and check published weight files", description=DESCRIPTION
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="what there is, and what is on this machine")
    listing.set_defaults(action=_list)
    add_json_option(listing)
    getting = actions.add_parser("get", help="fetch a file, unless it is there; print its path")
    getting.set_defaults(action=_get)
    _add_names(getting)
    getting.add_argument(
        "--offline",
        action="store_true",
        help="fetch nothing: print what to fetch with other means, and where to put it",
    )
    verifying = actions.add_parser(
        "verify", help="check files: hash of a published one, structure and values of any"
    )
    verifying.set_defaults(action=_verify)
    verifying.add_argument(
        "names",
        nargs="*",
        metavar="NAME|FILE",
        help="published ones or any others (default: all published ones that are here)",
    )
    add_json_option(verifying)
    locating = actions.add_parser("path", help="print where a published file is")
    locating.set_defaults(action=_path)
    _add_names(locating)


def run(args: argparse.Namespace) -> int:
    """Run the command; return its exit status."""
    status: int = args.action(args)
    return status


def _add_names(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help="see alexnet-cy weights list")


def _list(args: argparse.Namespace) -> int:
    from alexnet_cy.machine.cache_folder import cache_folder
    from alexnet_cy.published.registry import PUBLISHED

    if args.json:
        entries = [{**asdict(file), "path": _where(file)} for file in PUBLISHED.values()]
        print_json({"folder": str(cache_folder()), "files": entries})
        return 0
    table = make_table("name", "variant", ">MB", ">top-1", ">top-5", "license", "here")
    for file in PUBLISHED.values():
        table.add_row(
            file.name,
            file.variant,
            f"{file.size_mb:.1f}",
            f"{file.top1:.1f}",
            f"{file.top5:.1f}",
            file.license,
            "yes" if _where(file) else "",
        )
    console = stdout_console()
    console.print(table)
    console.print(
        "top-1, top-5: published accuracy in percent on ImageNet's validation set. "
        f"Fetched files go to {printable(cache_folder())}.",
        style="dim",
    )
    return 0


def _get(args: argparse.Namespace) -> int:
    from alexnet_cy.published.download import how_to_get

    for file in _published(args.names):
        print(how_to_get(file) if args.offline else fetch_published(file.name).path)
    return 0


def _path(args: argparse.Namespace) -> int:
    from alexnet_cy.published.download import find_here

    for file in _published(args.names):
        here = find_here(file)
        if here is None:
            raise CommandError(
                f"{file.name} is not on this machine; alexnet-cy weights get {file.name} fetches it"
            )
        print(here.path)
    return 0


def _verify(args: argparse.Namespace) -> int:
    from alexnet_cy.published.registry import PUBLISHED

    names = args.names or [name for name, file in PUBLISHED.items() if _where(file)]
    if not names:
        raise CommandError("no published file is on this machine: nothing to verify")
    checks = [
        check_published(PUBLISHED[name]) if name in PUBLISHED else check_file(name)
        for name in names
    ]
    if args.json:
        print_json([asdict(check) for check in checks])
    else:
        for check in checks:
            _print_check(check)
    return 0 if all(check.error is None for check in checks) else 1


def _print_check(check: Check) -> None:
    console = stdout_console()
    if check.error is not None:
        console.print(f"{printable(check.name)}: bad: {check.error}", style="red", soft_wrap=True)
        return
    identity = f", the published {check.published}" if check.published else ""
    console.print(
        f"{printable(check.name)}: good: {check.format}, variant {check.variant}, {check.classes} "
        f"classes, {check.parameters:,} parameters{identity}",
        soft_wrap=True,
    )


def _published(names: list[str]) -> list[PublishedFile]:
    from alexnet_cy.published.registry import get_published

    return [get_published(name) for name in names]


def _where(file: PublishedFile) -> str | None:
    """Return where a file of that name is, without computing its hash."""
    from alexnet_cy.published.download import places

    return next((str(path) for path in places(file) if Path(path).is_file()), None)
