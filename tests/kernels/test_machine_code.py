"""What the compiler makes of the register tile: every sum stays in a register of its level.

The kernels are compiled here with the flags of setup.py, for all levels of the processor families
that a compiler is found for, whether or not this processor runs them.
"""

import re

import pytest
from support.kernel_objects import CROSS_PREFIXES, compile_level, levels, tool
from support.machine_code import functions, innermost_loops

pytestmark = pytest.mark.slow

# How a level adds a product to a sum of a whole vector, in objdump's syntax.
MULTIPLY_ADD = {
    "x86-64-v4": r"vfmadd\d+ps\s.*%zmm\d+$",
    "x86-64-v3": r"vfmadd\d+ps\s.*%ymm\d+$",
    "aarch64-neon": r"fmla\s+v\d+\.4s",
}
# The portable level has what the baseline offers: SSE2, or NEON.
MULTIPLY_ADD_GENERIC = {"x86_64": r"mulps\s.*%xmm\d+$", "aarch64": r"fmla\s+v\d+\.4s"}

VECTOR_REGISTER = {"x86_64": r"%[xyz]mm\d", "aarch64": r"\b[qv]\d"}
# GCC keeps a frame pointer where it aligns the stack, so that %rbp points into the stack too; with
# an index it is an ordinary pointer.
STACK = {"x86_64": r"\(%rsp|\(%rbp\)", "aarch64": r"\[sp|\[x29"}


@pytest.fixture(scope="module", params=sorted(CROSS_PREFIXES))
def compiled(request, tmp_path_factory):
    """Every level of a processor family: {Level: its functions}."""
    machine = request.param
    compiler, objdump = tool("gcc", machine), tool("objdump", machine)
    if compiler is None or objdump is None:
        pytest.skip(f"no C compiler or no objdump for {machine}")
    repository = request.getfixturevalue("repository")
    folder = tmp_path_factory.mktemp("levels")
    return {
        level: functions(compile_level(repository, level, compiler, folder), objdump)
        for level in levels(repository, machine)
    }


def tiles(compiled):
    """All register tiles of all levels: (Level, name, rows, vectors, instructions of its loop)."""
    for level, level_functions in compiled.items():
        pattern = MULTIPLY_ADD.get(level.name) or MULTIPLY_ADD_GENERIC[level.machine]
        for name, function in level_functions.items():
            if size := re.fullmatch(r"(gemm|gather|outer|update)_(\d+)x(\d+)", name):
                loops = innermost_loops(function)
                (loop,) = [loop for loop in loops if any(re.match(pattern, text) for text in loop)]
                yield level, size[1], int(size[2]), int(size[3]), loop


def test_every_tile_is_found(compiled):
    found = {(level.name, kind, rows, vectors) for level, kind, rows, vectors, _ in tiles(compiled)}
    largest = {"x86-64-v4": (12, 2), "x86-64-v3": (6, 2), "aarch64-neon": (6, 4), "generic": (4, 2)}
    assert found == {
        (level.name, kind, rows + 1, vectors + 1)
        for level in compiled
        for kind in ("gemm", "gather", "outer", "update")
        for rows in range(largest[level.name][0])
        for vectors in range(largest[level.name][1])
    }


def test_each_step_is_one_multiply_add_of_a_whole_vector_per_sum(compiled):
    for level, kind, rows, vectors, loop in tiles(compiled):
        pattern = MULTIPLY_ADD.get(level.name) or MULTIPLY_ADD_GENERIC[level.machine]
        n_multiply_adds = sum(re.match(pattern, text) is not None for text in loop)
        assert n_multiply_adds == rows * vectors, (level.name, kind, rows, vectors, loop)


def test_no_vector_goes_through_the_stack(compiled):
    for level, kind, rows, vectors, loop in tiles(compiled):
        spilled = [
            text
            for text in loop
            if re.search(STACK[level.machine], text)
            and re.search(VECTOR_REGISTER[level.machine], text)
        ]
        assert not spilled, (level.name, kind, rows, vectors, spilled)


def test_pointers_stay_in_registers(compiled):
    """All of them, where 14 general registers are enough for one a row and five more.

    In the highest tiles of x86-64-v4 they are not. Five more loads from the L1 cache cost nothing
    there: with two of b, twelve of a and two prefetches they take half of 21 cycles, beside half of
    24 for the multiply-adds. The tiles that gather rows of the weights have five pointers more.
    """
    for level, kind, rows, vectors, loop in tiles(compiled):
        on_stack = [text for text in loop if re.search(STACK[level.machine], text)]
        spare = 5 if kind == "gather" else 9
        most = 0 if rows <= spare else 14 - spare
        assert len(on_stack) <= most, (level.name, kind, rows, vectors, on_stack)
