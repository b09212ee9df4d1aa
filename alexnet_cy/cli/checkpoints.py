"""The options of commands that train: where to save, going on, ending after a time."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from alexnet_cy.cli.failures import CommandError
from alexnet_cy.cli.options import argument
from alexnet_cy.cli.output import printable

__all__ = ["add_resume_options", "refuse_kept_training"]

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def add_resume_options(parser: argparse.ArgumentParser, folder: str, when: str = "") -> None:
    """Add --resume and --time-limit; `folder` is the option that has the checkpoints."""
    parser.add_argument(
        "--resume", action="store_true", help=f"{when}go on from the state in {folder}"
    )
    parser.add_argument(
        "--time-limit",
        type=argument(_seconds),
        metavar="TIME",
        help=f"{when}save and end after so long: 90s, 30m, 2h, 1d",
    )


def refuse_kept_training(folder: Path, *, resume: bool) -> None:
    """Raise CommandError if a folder holds a training that is not to go on."""
    if (folder / "last.state.safetensors").exists() and not resume:
        raise CommandError(
            f"{printable(folder)}: holds a training; --resume goes on with it, another folder "
            "takes a new one"
        )


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if match is None:
        raise ValueError(f"need a time such as 90s, 30m, 2h or 1d, got {text!r}")
    return float(match.group(1)) * UNITS[match.group(2) or "s"]
