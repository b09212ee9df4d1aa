"""The argument parser of all commands, and how it complains."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from alexnet_cy.cli.failures import UsageError
from alexnet_cy.version import __version__

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

__all__ = ["build_parser", "did_you_mean"]


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that complains in one line.

    A command's own parser is one too, and complains of what it does not know in its own name.
    """

    def parse_known_args(  # type: ignore[override]  # typeshed's overloads, all in one
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse the arguments; there are no unknown ones in what this returns."""
        parsed, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._hint(unknown[0])}")
        return parsed, unknown

    def _hint(self, unknown: str) -> str:
        """Say what may have been meant by an argument that the command does not know."""
        if not unknown.startswith("-"):
            return "; names of files stand together, before the options or behind them"
        if os.path.exists(unknown):
            return f"; to name that file, write .{os.sep}{unknown}"
        options = re.findall(r"--[a-z][a-z0-9-]*", self.format_help())
        return did_you_mean(unknown.partition("=")[0], options)

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


def did_you_mean(text: str, known: Iterable[str]) -> str:
    """Return the one of `known` that is most like `text`, as the end of a sentence, or nothing."""
    from difflib import get_close_matches  # not worth its import time where all is right

    near = get_close_matches(text, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
