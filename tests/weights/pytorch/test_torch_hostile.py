"""Attacks through PyTorch checkpoints: every outcome is a WeightsError, and no code runs."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from synthesis import confined
from synthesis.hostile import objects as hostile_objects
from synthesis.hostile import pickles as hostile_pickles
from synthesis.hostile import tensors as hostile_tensors
from synthesis.hostile import torch as hostile_torch
from synthesis.hostile.audit import watched
from synthesis.hostile.outcomes import check_that_nothing_is_opened, refuse
from synthesis.programs.pickle_code import archive, number, state, storage, tensor, text

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.pytorch.read import read
from alexnet_cy.weights.pytorch.unpickler import load_pickle

MODULES = (hostile_objects, hostile_pickles, hostile_tensors, hostile_torch)
CORPUS = {
    f"{module.__name__.partition('_')[2]}: {what}": attack
    for module in MODULES
    for what, attack in module.CORPUS.items()
}


@pytest.mark.parametrize("attack", CORPUS)
def test_every_attack_is_refused_for_its_reason(attack, tmp_path):
    data, pattern = CORPUS[attack]
    path = tmp_path / "hostile.pth"
    message = refuse(read, path, data, pattern)
    assert str(path) in message or "both mean" in pattern


@pytest.mark.slow
def test_no_attack_runs_or_opens_anything(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_that_nothing_is_opened(read, Path("hostile.pth"), CORPUS)
    assert not Path(hostile_pickles.CANARY).exists()


def test_the_attacks_would_run_elsewhere(tmp_path, monkeypatch):
    """A test of the test above: Python's own unpickler runs them, and the hook sees it."""
    monkeypatch.chdir(tmp_path)
    data, _ = hostile_pickles.CORPUS["call os.system"]
    with watched() as events:
        pickle.loads(data[data.index(b"\x80\x02") :])
    assert ("os.system", hostile_pickles.COMMAND.encode()) in events
    assert Path(hostile_pickles.CANARY).exists()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_no_attack_takes_long_or_much_memory(run_python):
    modules = [module.__name__.partition(".")[2] for module in MODULES]
    finished = run_python(confined.__file__, "torchvision", *modules)
    assert finished.returncode == 0, finished.stdout[-500:] + finished.stderr[-2000:]


@pytest.mark.parametrize(
    "change",
    [
        b"}" + text("shape") + number(7) + b"\x85sb",
        b"N}" + text("shape") + number(7) + b"\x85s\x86b",
        b"}" + text("__class__") + number(7) + b"sb",
    ],
)
@pytest.mark.parametrize("made", [tensor(), tensor(base=storage())])
def test_no_state_can_be_set_on_what_a_pickle_gets(made, change):
    with pytest.raises(WeightsError, match="BUILD on a StoredTensor"):
        load_pickle(state(made + change), "pickle")


def test_one_file_leaves_no_trace_in_the_next(tmp_path):
    """The limit on the items of all dicts belongs to a file, not to the process."""
    path = tmp_path / "sound.pth"
    pairs = b"](" + b"".join(b"]" + text(f"k{i}") + b"aNa" for i in range(2000)) + b"e\x85R"
    ordered = b"ccollections\nOrderedDict\n" + pairs
    for _ in range(4):
        path.write_bytes(
            archive(b"\x80\x02}(" + text("x") + tensor() + text("y") + ordered + b"u.")
        )
        assert list(read(path).tensors) == ["x"]
