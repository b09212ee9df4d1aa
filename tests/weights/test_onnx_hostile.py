"""Attacks through ONNX models, and models that are no AlexNet: each is a WeightsError."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from synthesis import confined, hostile_onnx, hostile_onnx_graphs
from synthesis.audit import watched

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.onnx.read import read

MODULES = (hostile_onnx, hostile_onnx_graphs)
CORPUS = {what: attack for module in MODULES for what, attack in module.CORPUS.items()}


def read_everything(path: Path) -> None:
    for tensor in read(path).tensors.values():
        tensor.read()


@pytest.mark.parametrize("attack", CORPUS)
def test_every_attack_is_refused_for_its_reason(attack, tmp_path):
    data, pattern = CORPUS[attack]
    path = tmp_path / "hostile.onnx"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=pattern) as caught:
        read_everything(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 5000


@pytest.mark.slow
def test_no_attack_runs_or_opens_anything(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("hostile.onnx")
    # The first round, of the small files, imports what the library itself needs.
    for is_second in (False, True):
        for attack, (data, _) in CORPUS.items():
            if not is_second and len(data) > 10_000:
                continue
            path.write_bytes(data)
            with watched() as events, suppress(WeightsError):
                read_everything(path)
            if is_second:
                assert set(events) == {("open", "hostile.onnx")}, attack


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_no_attack_takes_long_or_much_memory(run_python):
    modules = [module.__name__.partition(".")[2] for module in MODULES]
    finished = run_python(confined.__file__, "caffe", *modules)
    assert finished.returncode == 0, finished.stdout[-500:] + finished.stderr[-2000:]
