"""Build the program that checks every kernel against naive C, for one processor family.

    python build_check.py MACHINE PROGRAM

MACHINE is x86_64 or aarch64. The program is static and holds all levels of that family.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests"))

from support.kernel_objects import compile_level, levels, tool  # noqa: E402

# The naive loops must round after every operation: no contraction. A case of a table that leaves
# its last fields to the loop around it means zero.
CHECK_FLAGS = (
    "-std=gnu11 -O1 -g -ffp-contract=off -Wall -Wextra -Wshadow -Werror "
    "-Wno-missing-field-initializers -static"
).split()


def main(machine: str, program: str) -> None:
    """Compile the kernels with the flags of setup.py, and the program around them."""
    compiler = tool("gcc", machine)
    if compiler is None:
        raise SystemExit(f"no C compiler for {machine}: on Debian, gcc-{machine}-linux-gnu")
    wanted = levels(REPOSITORY, machine)
    with tempfile.TemporaryDirectory() as folder:
        objects = [compile_level(REPOSITORY, level, compiler, Path(folder)) for level in wanted]
        macros = [f"-D{level.macro}=1" for level in wanted if level.macro]
        sources = sorted((REPOSITORY / ".ci/emulation/check").glob("*.c"))
        sources.append(REPOSITORY / "src/machine/cpu.c")
        command = [compiler, *CHECK_FLAGS, *macros, f"-I{REPOSITORY / 'src'}", *sources, *objects]
        subprocess.run([*command, "-lm", "-o", program], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
