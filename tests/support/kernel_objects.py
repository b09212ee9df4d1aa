"""The kernels of src/isa compiled as setup.py compiles them, for this processor or another.

The levels and their flags stand in setup.py alone. It is run here with nothing behind its imports,
so that it defines its constants and builds nothing.
"""

from __future__ import annotations

import os
import platform
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple
from unittest import mock

BUILD_MODULES = (
    "Cython",
    "Cython.Build",
    "setuptools",
    "setuptools.command",
    "setuptools.command.build_ext",
    "setuptools.command.build_py",
    "setuptools.errors",
)

# What a cross compiler and its binutils are called on Debian, by platform.machine().
CROSS_PREFIXES = {"x86_64": "x86_64-linux-gnu-", "aarch64": "aarch64-linux-gnu-"}


class Level(NamedTuple):
    """One instruction-set level as setup.py describes it."""

    name: str
    source: str
    machine: str
    flags: tuple[str, ...]
    macro: str  # tells src/machine/cpu.c that the level is there; none for "generic"


def levels(repository: Path, machine: str) -> list[Level]:
    """Return the levels of a processor family, "x86_64" or "aarch64", best first."""
    settings = _build_settings(repository)
    common = (*settings["COMMON_FLAGS"], *settings["KERNEL_FLAGS"], *settings["WARNING_FLAGS"])
    found = [
        Level(level.name, level.source, machine, (*common, *level.flags), level.macro)
        for level in reversed(settings["ISA_LEVELS"])
        if machine in level.machines
    ]
    return [*found, Level("generic", "src/isa/generic.c", machine, common, "")]


def _build_settings(repository: Path) -> dict[str, object]:
    stand_ins = {name: mock.MagicMock() for name in BUILD_MODULES}
    release = {name: text for name, text in os.environ.items() if name != "ALEXNET_CY_DEBUG"}
    with (
        mock.patch.dict("sys.modules", stand_ins),
        mock.patch.dict(os.environ, release, clear=True),
    ):
        return runpy.run_path(str(repository / "setup.py"))


def tool(name: str, machine: str) -> str | None:
    """Find a tool of the compiler chain for a machine, "gcc" or "objdump"; None if there is none.

    ``$CC`` is the compiler for this machine where it is set.
    """
    if machine == platform.machine():
        return shutil.which(os.environ.get("CC", "cc") if name == "gcc" else name)
    return shutil.which(CROSS_PREFIXES.get(machine, "") + name)


def compile_level(repository: Path, level: Level, compiler: str, folder: Path) -> Path:
    """Compile the kernels of one level; return the object file."""
    compiled = folder / f"{level.machine}-{level.name}.o"
    source = repository / level.source
    subprocess.run(
        [compiler, *level.flags, f"-I{repository / 'src'}", "-c", source, "-o", compiled],
        check=True,
    )
    return compiled
