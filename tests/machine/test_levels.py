"""Instruction-set levels: which there are, which is in force, how one is forced."""

import platform

import pytest

from alexnet_cy import ops, show_config
from alexnet_cy.kernels import _runtime
from alexnet_cy.machine.levels import ISA_VARIABLE, active_kernels, active_level


def test_generic_is_always_there_and_comes_last():
    runnable, compiled = _runtime.runnable_levels(), _runtime.compiled_levels()
    assert runnable[-1] == compiled[-1] == "generic"
    assert set(runnable) <= set(compiled)
    assert [level for level in compiled if level in runnable] == list(runnable)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the levels of x86-64")
def test_the_levels_follow_the_processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        flags = next(line for line in file if line.startswith("flags")).split()
    runnable = _runtime.runnable_levels()
    if "x86-64-v3" in _runtime.compiled_levels():
        assert ("x86-64-v3" in runnable) == ({"avx2", "fma"} <= set(flags))
    if "x86-64-v4" in _runtime.compiled_levels():
        needed = {"avx512f", "avx512vl", "avx512bw", "avx512dq", "avx512cd"}
        assert ("x86-64-v4" in runnable) == (needed <= set(flags))


def test_the_best_level_is_in_force_unless_one_is_named(monkeypatch):
    for unset in (None, ""):
        if unset is None:
            monkeypatch.delenv(ISA_VARIABLE, raising=False)
        else:
            monkeypatch.setenv(ISA_VARIABLE, unset)
        assert active_level() == _runtime.runnable_levels()[0]


def test_a_named_level_is_in_force(isa):
    assert active_level() == isa
    assert _runtime.tile_of(active_kernels()) == _runtime.tile_of(_runtime.kernels_of(isa))


def test_the_tile_fits_the_level(tile):
    lanes, rows, panel_width = tile
    assert lanes in (4, 8, 16)
    assert panel_width % lanes == 0
    assert rows >= 1


@pytest.mark.parametrize("name", ["avx2", "x86-64-v5", "GENERIC", " generic"])
def test_an_unknown_level_is_an_error_that_lists_the_others(monkeypatch, name):
    monkeypatch.setenv(ISA_VARIABLE, name)
    listed = ", ".join(_runtime.runnable_levels())
    expected = f"^{ISA_VARIABLE} is '{name}', but the levels that this machine and build run are "
    for call in (active_level, lambda: ops.relu([1.0]), show_config):
        with pytest.raises(ValueError, match=f"{expected}{listed} "):
            call()


def test_kernels_of_an_unknown_level():
    with pytest.raises(ValueError, match=r"^instruction-set level: got 'avx9', but .*generic"):
        _runtime.kernels_of("avx9")
