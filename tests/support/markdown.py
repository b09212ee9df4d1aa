"""The Markdown of the repository, read as far as the tests of its pages need it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Block", "anchors", "blocks", "links", "pages", "prose"]

FENCE = re.compile(r"^\s*```(\S*)\s*$")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
UNUSED_FOLDERS = {"build", "dist", "node_modules", "venv"}


class Block(NamedTuple):
    """A fenced block: the line it begins on, its language and its text."""

    line: int
    language: str
    text: str


def pages(root: Path) -> list[Path]:
    """Every Markdown page below the folder, but what tools leave there."""
    return sorted(
        page
        for page in root.rglob("*.md")
        if not any(
            part.startswith(".") or part.endswith(".egg-info") or part in UNUSED_FOLDERS
            for part in page.relative_to(root).parts
        )
    )


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    language, first, inside = "", 0, list[str]()
    opened = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = FENCE.match(line)
        if fence and opened:
            yield Block(first, language, "".join(text + "\n" for text in inside))
            opened = False
        elif fence:
            language, first, inside, opened = fence[1], number, [], True
        elif opened:
            inside.append(line)
    assert not opened, f"{page}:{first}: a block without end"


def prose(page: Path) -> Iterator[tuple[int, str]]:
    """The lines of a page outside its fenced and indented blocks, with their numbers."""
    opened = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if FENCE.match(line):
            opened = not opened
        elif not opened and not line.startswith("    "):
            yield number, line


def links(page: Path) -> Iterator[tuple[int, str]]:
    """Where the links of a page lead, with the numbers of their lines."""
    for number, line in prose(page):
        for target in LINK.findall(line):
            yield number, target


def anchors(page: Path) -> set[str]:
    """The names under which the headings of a page can be linked to, as GitHub makes them."""
    found, titles = set[str](), list[str]()
    for _, line in prose(page):
        if line.startswith("#"):
            title = re.sub(r"[`*]", "", line.lstrip("#").strip().lower())
            name = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
            repeated = titles.count(name)
            titles.append(name)
            found.add(f"{name}-{repeated}" if repeated else name)
    return found
