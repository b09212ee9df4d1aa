"""Copy this interpreter, with what the kernel tests import, into a folder that can be a root.

    python copy_python.py TARGET

TARGET/python then holds the interpreter, the standard library and, installed in it, NumPy, pytest,
hypothesis, all they require, and alexnet_cy as this interpreter imports it; the shared libraries
lie where the loader looks for them. It runs with PYTHONHOME=/python.
"""

from __future__ import annotations

import compileall
import importlib.metadata
import importlib.util
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

DISTRIBUTIONS = ("numpy", "pytest", "hypothesis")

# Parts of the standard library and of the packages that nothing here imports: two thirds of all.
LEFT_OUT = (
    "__pycache__",
    "_tkinter*",
    "site-packages",
    "config-*",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
    "*.a",
    "*.pyi",
    "*.exe",
)


def distributions(names: Iterable[str]) -> Iterator[importlib.metadata.Distribution]:
    """Find the distributions and, without extras, what they require and is installed."""
    waiting, seen = list(names), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if name in DISTRIBUTIONS:
                raise SystemExit(f"{sys.executable} has no {name}") from None
            continue  # required on another system or version of Python only
        yield found
        required = [line for line in found.requires or [] if "extra ==" not in line]
        waiting += [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in required]


def is_wanted(path: PurePath) -> bool:
    """Tell whether a file of a distribution belongs into the copy."""
    return ".." not in path.parts and not any(
        PurePath(part).match(pattern) for part in path.parts for pattern in LEFT_OUT
    )


def copy_distribution(distribution: importlib.metadata.Distribution, target: Path) -> None:
    """Copy the files that the installer of the distribution has recorded."""
    if distribution.files is None:
        raise SystemExit(f"{distribution.name}: nothing recorded what was installed")
    for file in filter(is_wanted, distribution.files):
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file.locate(), target / file)


def copy_package(name: str, target: Path) -> None:
    """Copy a package from wherever it is imported."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{sys.executable} cannot import {name}: install the package first")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(spec.origin).parent, target / name, ignore=ignored)


def shared_libraries(binary: Path) -> Iterator[Path]:
    """Find the shared libraries that the loader maps for a program or library."""
    listed = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    if "not found" in listed:
        raise SystemExit(f"{binary} misses a library:\n{listed}")
    for path in re.findall(r"(/\S+) \(0x", listed):
        yield Path(path)


def copy_shared_libraries(root: Path, binaries: Iterable[Path]) -> None:
    """Copy the libraries that the binaries under root find outside it to the same places there."""
    found = {path for binary in binaries for path in shared_libraries(binary)}
    for library in sorted(path for path in found if root not in path.parents):
        place = root / library.relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        # Not those of a wheel: their makers have patched them, which strip need not understand.
        subprocess.run(["strip", "--strip-debug", "-o", place, library], check=True)


def main(root: Path) -> None:
    """Copy everything and compile it, so that the emulated processor need not."""
    interpreter = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    standard_library = Path(sysconfig.get_path("stdlib"))
    root = root.resolve()
    home = root / "python"
    library = home / "lib" / standard_library.name
    (home / "bin").mkdir(parents=True)
    shutil.copy2(interpreter, home / "bin" / "python3")
    shutil.copytree(standard_library, library, ignore=shutil.ignore_patterns(*LEFT_OUT))
    site = library / "site-packages"
    for distribution in distributions(DISTRIBUTIONS):
        copy_distribution(distribution, site)
    copy_package("alexnet_cy", site)
    copy_shared_libraries(root, [home / "bin" / "python3", *home.rglob("*.so*")])
    # The time of a file may change on its way into the emulated machine: do not look at it.
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(library, quiet=2, stripdir=root, prependdir="/", invalidation_mode=mode)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
