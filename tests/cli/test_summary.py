"""`alexnet-cy summary` and `config`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alexnet_cy import AlexNet, config
from alexnet_cy.network import LRN, VARIANTS

Run = Callable[..., Any]


@pytest.mark.parametrize("name", VARIANTS)
def test_totals(run: Run, name: str) -> None:
    outcome = run("summary", "--variant", name)
    assert outcome.status == 0
    total = next(line for line in outcome.out.splitlines() if line.startswith("total"))
    macs = sum(step.macs for step in VARIANTS[name].shapes())
    assert total.split()[-2:] == [f"{VARIANTS[name].parameters:,}", f"{macs:,}"]
    assert f"{name}: {VARIANTS[name].title}" in outcome.out


def test_json(run: Run) -> None:
    document = run("summary", "--json").json
    assert (document["variant"], document["input"]) == ("caffe", [3, 227, 227])
    assert (document["parameters"], document["macs"]) == (60_965_224, 724_406_816)
    conv2 = next(layer for layer in document["layers"] if layer["name"] == "conv2")
    assert conv2 == {
        "name": "conv2",
        "kind": "Conv",
        "settings": "conv 5x5, pad 2, 2 groups, ReLU",
        "output": [256, 27, 27],
        "parameters": 307_456,
        "macs": 223_948_800,
    }


def test_the_network_of_a_file(run: Run, tmp_path: Path) -> None:
    caffe = VARIANTS["caffe"]
    norm = LRN("norm1", 3, region="within_channel")
    net = AlexNet.random(replace(caffe, name="mine", layers=(caffe.layers[0], norm), in_channels=1))
    net.save(tmp_path / "mine.safetensors")
    document = run("summary", "--weights", str(tmp_path / "mine.safetensors"), "--json").json
    assert (document["variant"], document["input"]) == ("mine", [1, 227, 227])
    settings = "LRN 3x3 within channels, alpha 1e-4/9, beta 0.75, k 1"
    assert [layer["settings"] for layer in document["layers"]][1] == settings
    outcome = run("summary", "--weights", str(tmp_path / "mine.safetensors"), "--classes", "3")
    assert outcome.status == 1
    assert "'mine' has no classifier" in outcome.err


@pytest.mark.parametrize(
    ("variant", "layer", "settings"),
    [
        ("caffe", "conv1", "conv 11x11 / 4, ReLU"),
        ("paper", "conv1", "conv 11x11 / 4, pad 0+3, ReLU"),
        ("torchvision", "conv1", "conv 11x11 / 4, pad 2, ReLU"),
        ("caffe", "norm1", "LRN 5, alpha 1e-4/5, beta 0.75, k 1"),
        ("paper", "norm1", "LRN 5, alpha 1e-4, beta 0.75, k 2"),
        ("caffe", "pool1", "max pool 3x3 / 2, ceil"),
        ("torchvision", "pool1", "max pool 3x3 / 2"),
        ("torchvision", "avgpool", "average pool to 6x6"),
        ("caffe", "fc7", "fully connected, ReLU"),
        ("caffe", "fc8", "fully connected"),
        ("caffe", "prob", "softmax"),
    ],
)
def test_settings(run: Run, variant: str, layer: str, settings: str) -> None:
    layers = run("summary", "--variant", variant, "--json").json["layers"]
    assert next(x["settings"] for x in layers if x["name"] == layer) == settings


def test_size_layer_and_classes(run: Run) -> None:
    document = run(
        "summary", "--variant", "torchvision", "--size", "256x320", "--layer", "features.4",
        "--json",
    ).json  # fmt: skip
    assert document["input"] == [3, 256, 320]
    assert document["layers"][-1]["name"] == "conv2"
    last = run("summary", "--classes", "7", "--json").json["layers"][-1]
    assert last["output"] == [7]


def test_size_that_does_not_fit(run: Run) -> None:
    outcome = run("summary", "--size", "256")
    assert outcome.status == 1
    assert "fc6 of variant 'caffe' needs 9216 inputs" in outcome.err
    assert outcome.err.count("\n") == 1


def test_narrow_table_fits_a_terminal(run: Run) -> None:
    for name in VARIANTS:
        table = run("summary", "--variant", name).out.splitlines()[2:]
        assert max(map(len, table)) <= 80


def test_config(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALEXNET_CY_HOME", str(tmp_path))
    outcome = run("config")
    assert outcome.status == 0
    lines = {line[:20].strip(): line[20:].strip() for line in outcome.out.splitlines()}
    assert lines["isa active"] == config()["isa_active"]
    assert lines["weights folder"] == str(tmp_path)
    assert run("config", "--json").json == {**config(), "weights_folder": str(tmp_path)}
