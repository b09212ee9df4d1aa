"""Attacks through ONNX models, and models that are no AlexNet: each is a WeightsError."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from synthesis import confined
from synthesis.hostile import onnx as hostile_onnx
from synthesis.hostile import onnx_graphs as hostile_onnx_graphs
from synthesis.hostile.outcomes import check_that_nothing_is_opened, refuse
from synthesis.networks import TINY

from alexnet_cy.network.recognition import differing_settings
from alexnet_cy.weights.onnx.read import read

MODULES = (hostile_onnx, hostile_onnx_graphs)
CORPUS = {what: attack for module in MODULES for what, attack in module.CORPUS.items()}


@pytest.mark.parametrize("attack", CORPUS)
def test_every_attack_is_refused_for_its_reason(attack, tmp_path):
    data, pattern = CORPUS[attack]
    path = tmp_path / "hostile.onnx"
    assert str(path) in refuse(read, path, data, pattern)


@pytest.mark.parametrize("change", hostile_onnx_graphs.OTHER_NETWORKS)
def test_what_is_no_attack_is_the_network_that_the_file_has(change, tmp_path):
    data, different = hostile_onnx_graphs.OTHER_NETWORKS[change]
    path = tmp_path / "other.onnx"
    path.write_bytes(data)
    found = differing_settings(read(path).network, TINY["caffe"], any_size=False)
    assert re.search(different, "; ".join(found))


@pytest.mark.slow
def test_no_attack_runs_or_opens_anything(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_that_nothing_is_opened(read, Path("hostile.onnx"), CORPUS)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_no_attack_takes_long_or_much_memory(run_python):
    modules = [module.__name__.partition(".")[2] for module in MODULES]
    finished = run_python(confined.__file__, "caffe", *modules)
    assert finished.returncode == 0, finished.stdout[-500:] + finished.stderr[-2000:]
