"""Who may import whom: the table of docs/architecture.md, held against every import."""

import ast
import re

import pytest

# Extension modules and what they cimport from one another and from src.
CIMPORT = re.compile(r"^\s*(?:from|cimport)\s+(alexnet_cy(?:\.\w+)+)", re.MULTILINE)


@pytest.fixture(scope="module")
def table(repository):
    """For each room, the rooms it may import."""
    page = (repository / "docs" / "architecture.md").read_text(encoding="utf-8")
    [rows] = re.findall(r"\n\| room \| may import \|\n\|[-| ]+\|\n((?:\|.*\n)+)", page)
    return {
        room: set(re.findall(r"`(\w+)`", allowed))
        for room, allowed in re.findall(r"\| `(\w+)` \|(.*)\|\n", rows)
    }


@pytest.fixture(scope="module")
def imports(repository):
    """Every import in the package, lazy ones too: (file, importing room, imported room)."""
    found = []
    for path in sorted((repository / "alexnet_cy").rglob("*.py*")):
        if path.suffix in {".py", ".pyi"}:
            module = path.relative_to(repository).with_suffix("").parts
            for name in imported_names(ast.parse(path.read_text(encoding="utf-8"))):
                found.append((path, room_of(module), room_of(name.split("."))))
    for path in sorted((repository / "src").rglob("*.p[yx][xd]")):
        for name in CIMPORT.findall(path.read_text(encoding="utf-8")):
            found.append((path, "kernels", room_of(name.split("."))))
    return found


def imported_names(tree):
    """The dotted names of the package that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("alexnet_cy"))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            if (node.module or "").partition(".")[0] == "alexnet_cy":
                yield from (f"{node.module}.{name.name}" for name in node.names)


def room_of(parts):
    """The room a module is in: the folder or the file below alexnet_cy."""
    return "__init__" if len(parts) < 2 or not parts[1].islower() else parts[1]


def test_every_room_is_in_the_table(repository, table):
    rooms = {
        path.stem
        for path in (repository / "alexnet_cy").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    assert set(table) == rooms


def test_the_table_names_rooms_only(table):
    assert set().union(*table.values()) <= set(table)


def test_no_import_crosses_a_wall(imports, table):
    crossed = sorted(
        f"{path.name}: {room} imports {other}"
        for path, room, other in imports
        if other not in table[room] | {room}
    )
    assert not crossed


def test_nothing_is_allowed_that_nobody_does(imports, table):
    done = {(room, other) for _, room, other in imports}
    unused = sorted(
        f"{room} need not import {other}"
        for room, others in table.items()
        for other in others
        if (room, other) not in done
    )
    assert not unused


def test_the_rooms_have_no_circle(table):
    """Each room can be taken away once everything that imports it is gone."""
    left = {room: set(others) for room, others in table.items()}
    while left:
        top = set(left) - set().union(*left.values())
        assert top, f"a circle among {sorted(left)}"
        left = {room: others for room, others in left.items() if room not in top}
