"""The innermost loops of an object file's functions, as objdump disassembles them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

FUNCTION = re.compile(r"[0-9a-f]+ <([\w.]+)>:")
INSTRUCTION = re.compile(r"\s+([0-9a-f]+):\s+(\S.*)")
# A branch on a condition, its target last: "jne 84a0 <...>", "b.ne 59f8 <...>", "cbnz x0, 59f8".
BRANCH = re.compile(r"(?:j(?!mp)\w+|b\.\w+|cbn?z)\s.*?\b([0-9a-f]+) <")


class Instruction(NamedTuple):
    """One instruction, as text without its comment."""

    address: int
    text: str


def functions(compiled: Path, objdump: str) -> dict[str, list[Instruction]]:
    """Disassemble all functions of an object file."""
    found: dict[str, list[Instruction]] = {}
    command = [objdump, "-d", "--no-show-raw-insn", compiled]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        if function := FUNCTION.match(line):
            current = found.setdefault(function[1], [])
        elif instruction := INSTRUCTION.match(line):
            text = re.split(r"\s+(?:# |//)", instruction[2])[0].strip()
            current.append(Instruction(int(instruction[1], 16), text))
    return found


def innermost_loops(function: list[Instruction]) -> list[list[str]]:
    """Find the loops that hold no other: from the target of a backward branch to the branch."""
    places = {instruction.address: i for i, instruction in enumerate(function)}
    loops = []
    for last, instruction in enumerate(function):
        branch = BRANCH.match(instruction.text)
        first = places.get(int(branch[1], 16)) if branch else None
        if first is not None and first <= last:
            loops.append(range(first, last + 1))
    inner = [
        loop
        for loop in loops
        if not any(other != loop and other[0] in loop and other[-1] in loop for other in loops)
    ]
    return [[function[i].text for i in loop] for loop in inner]
