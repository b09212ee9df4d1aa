"""The argument parser of all commands, and how it complains."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from alexnet_cy.cli.failures import UsageError
from alexnet_cy.version import __version__

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

__all__ = ["build_parser"]


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that complains in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError in place of printing the usage and exiting."""
        raise UsageError(f"{message} (see {self.prog} --help)")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """Print help or version; argparse's own method forgets that this may fail."""
        (file or sys.stderr).write(message)


def build_parser(modules: Iterable[ModuleType]) -> argparse.ArgumentParser:
    """Make the parser for the commands in `modules`."""
    parser = Parser(
        prog="alexnet-cy",
        description="AlexNet on the CPU: classify images, extract features, time every layer.",
        epilog="alexnet-cy COMMAND --help lists the options of a command.",
    )
    parser.add_argument("--version", action="version", version=f"alexnet-cy {__version__}")

    def print_help(args: argparse.Namespace) -> int:
        parser.print_help()
        return 0

    parser.set_defaults(run=print_help)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in modules:
        module.add_parser(subparsers)
    return parser
