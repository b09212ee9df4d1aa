"""The command line, `alexnet-cy`: one module of `commands` each.

Every one of them has `add_parser(subparsers)`, which declares the arguments and sets `run` as
the default of that name, and `run(args) -> int`, which returns the exit status: 0, or 1 if
something failed. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from alexnet_cy.cli.failures import CommandError, UsageError, describe, reported_warnings
from alexnet_cy.cli.parser import build_parser
from alexnet_cy.errors import AlexNetError

__all__ = ["COMMANDS", "main"]

COMMANDS = (
    "classify",
    "features",
    "explain",
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
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with reported_warnings():
            status = _run(arguments)
            sys.stdout.flush()
            return status
    except BrokenPipeError:
        _silence_stdout()
        return PIPE_CLOSED
    except KeyboardInterrupt:
        print("alexnet-cy: interrupted", file=sys.stderr)
        return INTERRUPTED
    except (UsageError, CommandError, AlexNetError, OSError, ValueError, TypeError) as error:
        return _fail(error, 2 if isinstance(error, UsageError) else 1)
    except MemoryError as error:
        return _fail(error, 1)


def _run(arguments: list[str]) -> int:
    """Parse the arguments and run what they ask for, importing nothing of the other commands."""
    named = arguments[:1] if arguments[:1] and arguments[0] in COMMANDS else COMMANDS
    modules = [import_module(f"alexnet_cy.cli.commands.{name}") for name in named]
    try:
        args = build_parser(modules).parse_args(arguments)
    except SystemExit as finished:  # --help and --version
        return int(finished.code or 0)
    status: int = args.run(args)
    return status


def _fail(error: BaseException, status: int) -> int:
    """Report an error in a line, or with its traceback where that is asked for."""
    if os.environ.get(TRACEBACK_VARIABLE):
        raise error
    print(f"alexnet-cy: error: {describe(error)}", file=sys.stderr)
    if isinstance(error, CommandError) and error.advice:
        print(error.advice, file=sys.stderr)
    return status


def _silence_stdout() -> None:
    """Send what is still in the buffers nowhere, so that the interpreter's last flush succeeds."""
    with suppress(OSError, ValueError):  # ValueError: stdout is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
