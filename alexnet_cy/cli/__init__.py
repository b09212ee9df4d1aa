"""The command line, `alexnet-cy`: one module of `commands` each.

Every one of them has `add_parser(subparsers)`, which declares the arguments and sets `run` as
the default of that name, and `run(args) -> int`, which returns the exit status: 0, or 1 if
something failed. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from alexnet_cy.cli.failures import CommandError, UsageError, describe, reported_warnings
from alexnet_cy.cli.parser import build_parser, did_you_mean
from alexnet_cy.cli.signals import ended_by_signals
from alexnet_cy.cli.streams import flush_stdout, open_missing_streams, silence, write_line
from alexnet_cy.errors import AlexNetError

__all__ = ["COMMANDS", "main"]

COMMANDS = (
    "classify",
    "features",
    "lpips",
    "rdm",
    "neighbours",
    "explain",
    "finetune",
    "evaluate",
    "train",
    "summary",
    "bench",
    "weights",
    "convert",
    "config",
)
"""The commands, in the order of the help; each is a module of `alexnet_cy.cli.commands`."""

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
PIPE_CLOSED = 141  # 128 + SIGPIPE

TRACEBACK_VARIABLE = "ALEXNET_CY_TRACEBACK"

EXPECTED_ERRORS = (
    UsageError,
    CommandError,
    AlexNetError,
    OSError,
    ValueError,
    TypeError,
    MemoryError,
)
"""Errors whose message says what happened; any other is a bug."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments; those of the process if left out.

    Returns
    -------
    int
        The exit status: 0; 1 if something failed, in part or wholly; 2 if the arguments make no
        sense; 130 after Ctrl-C; 141 if nobody reads the output any more.

    Raises
    ------
    SystemExit
        Ended by SIGHUP (129) or SIGTERM (143).
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    open_missing_streams()
    try:
        if sys.stdout is None:
            raise CommandError("standard output is closed")
        with reported_warnings(), ended_by_signals():
            status = _run(arguments)
            sys.stdout.flush()
            return status
    except BrokenPipeError:
        silence(sys.stdout)
        return PIPE_CLOSED
    except KeyboardInterrupt:
        write_line("alexnet-cy: interrupted")
        return INTERRUPTED
    except Exception as error:
        return _fail(error)


def _run(arguments: list[str]) -> int:
    """Parse the arguments and run what they ask for, importing nothing of the other commands."""
    if arguments[:1] == ["help"]:  # as git and others have it
        arguments = [*arguments[1:], "--help"]
    first = arguments[0] if arguments else "--help"
    if first not in COMMANDS and not first.startswith("-"):
        hint = did_you_mean(first, COMMANDS) or f"; there are {', '.join(COMMANDS)}"
        raise UsageError(f"there is no command {first!r}{hint} (see alexnet-cy --help)")
    named = [first] if first in COMMANDS else COMMANDS
    modules = [import_module(f"alexnet_cy.cli.commands.{name}") for name in named]
    try:
        args = build_parser(modules).parse_args(arguments)
    except SystemExit as finished:  # --help and --version
        return int(finished.code or 0)
    status: int = args.run(args)
    return status


def _fail(error: Exception) -> int:
    """Report an error in a line, or with its traceback where that is requested."""
    if os.environ.get(TRACEBACK_VARIABLE):
        raise error
    if isinstance(error, EXPECTED_ERRORS):
        write_line(f"alexnet-cy: error: {describe(error)}")
    else:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        write_line(f"alexnet-cy: error: a bug: {text}; {TRACEBACK_VARIABLE}=1 shows where")
    if isinstance(error, CommandError) and error.advice:
        write_line(error.advice)
    if sys.stdout is not None:
        flush_stdout()
    return 2 if isinstance(error, UsageError) else 1
