"""docs/cli.md shows what the program prints, and leaves no option out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from alexnet_cy.cli import COMMANDS
from alexnet_cy.cli.parser import build_parser

Run = Callable[..., Any]

# benchmarks/README.md has the options of `bench`.
DOCUMENTED_HERE = [name for name in COMMANDS if name != "bench"]


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "cli.md").read_text(encoding="utf-8")


def samples(page: str) -> Iterator[tuple[list[str], list[str]]]:
    """The commands of the page that show their output, with their lines."""
    lines = page.splitlines()
    for i, line in enumerate(lines):
        if line.startswith("    $ alexnet-cy "):
            end = next(j for j in range(i + 1, len(lines)) if lines[j] and lines[j][:4] != "    ")
            shown = [text[4:] for text in lines[i + 1 : end]]
            yield line.split()[2:], "\n".join(shown).rstrip().splitlines()


def test_samples(run: Run, page: str, empty_caches: Path) -> None:
    found = dict((" ".join(command), shown) for command, shown in samples(page))
    assert list(found) == ["summary --variant torchvision --layer conv2", "weights list"]
    for command, shown in found.items():
        printed = [line.rstrip() for line in run(*command.split()).out.splitlines()]
        assert printed[: len(shown)] == shown


def options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from options(subparser)
        else:
            yield from (name for name in action.option_strings if name.startswith("--"))


def test_every_option_is_mentioned(page: str) -> None:
    parser = build_parser(
        import_module(f"alexnet_cy.cli.commands.{name}") for name in DOCUMENTED_HERE
    )
    assert [name for name in options(parser) if name not in page] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_mentioned(page: str, name: str) -> None:
    assert f"| `{name}" in page
