"""Every page: one width of prose, and links that lead somewhere."""

from __future__ import annotations

from pathlib import Path

from support.markdown import anchors, links, pages, prose

WIDTH = 100


def may_be_longer(line: str) -> bool:
    """A row of a table, or a line that a single word (an address) makes too long."""
    return line.startswith("|") or max(map(len, line.split())) > WIDTH - 10


def test_prose_is_wrapped(repository: Path) -> None:
    too_long = [
        f"{page.relative_to(repository)}:{number}: {len(line)} columns"
        for page in pages(repository)
        for number, line in prose(page)
        if len(line) > WIDTH and not may_be_longer(line)
    ]
    assert too_long == []


def test_links_resolve(repository: Path) -> None:
    broken = []
    for page in pages(repository):
        for number, target in links(page):
            if "://" in target or target.startswith("mailto:"):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / path).resolve() if path else page
            here = f"{page.relative_to(repository)}:{number}: {target}"
            if not file.exists() or not file.is_relative_to(repository):
                broken.append(f"{here}: there is no such file")
            elif anchor and anchor not in anchors(file):
                broken.append(f"{here}: there is no such heading")
    assert broken == []


def test_every_page_can_be_reached(repository: Path) -> None:
    """From the README, by following links."""
    found, to_read = set[Path](), [repository / "README.md"]
    while to_read:
        page = to_read.pop()
        found.add(page)
        for _, target in links(page):
            file = (page.parent / target.partition("#")[0]).resolve()
            files = sorted(file.glob("*.md")) if file.is_dir() else [file]
            to_read += [f for f in files if f.suffix == ".md" and f.exists() and f not in found]
    assert [page for page in pages(repository) if page not in found] == []
