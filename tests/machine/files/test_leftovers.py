"""Unfinished files: those that somebody writes stay, those of killed programs go."""

import os

import pytest

from alexnet_cy.machine.leftovers import clear_leftovers
from alexnet_cy.machine.replace_file import replace_file

LONG_AGO = (10**9, 10**9)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "weights.npz"


def test_what_is_being_written_stays(target):
    with replace_file(target) as temporary:
        os.utime(temporary, LONG_AGO)
        [found] = clear_leftovers(target)
        assert (found.path, found.removed) == (temporary, False)
        assert os.path.exists(temporary)
    assert clear_leftovers(target) == []
    assert target.exists()


def test_what_a_killed_program_has_left_goes(target, run_python):
    program = f"""
import os, signal
from alexnet_cy.machine.replace_file import replace_file
with replace_file({str(target)!r}) as temporary:
    open(temporary, "w").write("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run_python("-c", program).returncode == -9
    [found] = clear_leftovers(target)
    assert (found.size_bytes, found.removed) == (4, False)  # it may be growing still
    os.utime(found.path, LONG_AGO)
    [found] = clear_leftovers(target)
    assert found.removed
    assert os.listdir(target.parent) == []


def test_other_files_stay(target):
    names = ["weights.npz.part", "weights.npy.0123abcd.part", "x.weights.npz.0123abcd.part", "a"]
    for name in names:
        (target.parent / name).touch()
        os.utime(target.parent / name, LONG_AGO)
    assert clear_leftovers(target) == []
    assert sorted(os.listdir(target.parent)) == sorted(names)
