"""A training step measured: every piece is there, and a wrong step is not timed."""

import json

import numpy as np
import pytest

from alexnet_cy.bench.measure import count_steps
from alexnet_cy.bench.settings import make_settings
from alexnet_cy.bench.tables import describe
from alexnet_cy.bench.training import passes
from alexnet_cy.bench.training.measure import measure_training
from alexnet_cy.bench.training.pieces import piece_of
from alexnet_cy.cli import main
from alexnet_cy.cli.commands import bench

pytestmark = pytest.mark.usefixtures("no_waiting")

PIECES = [
    "conv1 forward",
    "norm1+pool1 forward",
    "conv2 forward",
    "avgpool forward",
    "fc6 forward",
    "fc8 forward",
    "loss",
    "fc8 data, weights, update",
    "fc6 data, weights, update",
    "avgpool data",
    "conv2 weights",
    "conv2 data",
    "norm1+pool1 data",
    "conv1 weights",
    "conv1 update",
    "conv2 update",
]


def measured(variant, *args, **kwargs):
    steps = []
    settings = make_settings(variant, *args, training=True, **kwargs)
    report = measure_training(settings, steps.append)
    assert len(steps) == count_steps(settings)
    return report


def test_every_piece_of_every_run(tiny):
    report = measured(tiny, (2, 9), (1, 2), repeats=2)
    assert [(run.threads, run.batch) for run in report.runs] == [(1, 2), (1, 9), (2, 2), (2, 9)]
    for run in report.runs:
        assert [layer.name for layer in run.layers] == PIECES
        assert all(layer.ours.min_ms > 0 and layer.numpy.min_ms > 0 for layer in run.layers)
        # the clock leaves nothing out but what is behind the last piece
        pieces = sum(layer.ours.min_ms for layer in run.layers)
        assert pieces <= run.total.ours.median_ms
        assert run.difference < 1e-5
    assert "changes of the weights" in " ".join(describe(report))


def test_the_direct_algorithm_without_numpy(tiny):
    report = measured(tiny, (2,), (1,), repeats=1, algorithm="direct", with_baseline=False)
    assert report.runs[0].difference is None
    assert all(layer.numpy is None for layer in report.runs[0].layers)


def test_what_pieces_need(tiny):
    shapes = {one.layer.name: one for one in tiny.shapes()}
    weights = shapes["conv2"].parameter_count
    x, y = 8 * 7 * 7, 12 * 7 * 7
    assert piece_of("conv2 forward", tiny, 3).macs == 3 * shapes["conv2"].macs
    assert piece_of("conv2 weights", tiny, 3).nbytes == 4 * (3 * (x + y) + weights)
    assert piece_of("conv2 update", tiny, 3).nbytes == 4 * 3 * weights
    assert piece_of("conv2 update", tiny, 3).macs == 0
    whole = piece_of("fc6 data, weights, update", tiny, 3)
    assert whole.parts == ("fc6 data", "fc6 weights", "fc6 update")
    assert whole.macs == 2 * 3 * shapes["fc6"].macs
    assert piece_of("norm1+pool1 data", tiny, 3).parts == ("norm1 data", "pool1 data")


def test_a_wrong_step_is_not_timed(tiny, monkeypatch):
    right = passes.baseline_weight_gradients
    monkeypatch.setattr(
        passes, "baseline_weight_gradients", lambda *args: (1.1 * right(*args)[0], right(*args)[1])
    )
    with pytest.raises(ArithmeticError, match="differ from NumPy's by"):
        measured(tiny, (1,), (1,), repeats=1)


def test_a_loss_that_overflows_is_not_timed(tiny, monkeypatch):
    monkeypatch.setattr(passes, "RATE", np.float32(1e30))
    with pytest.raises(ArithmeticError, match="no longer finite"):
        measured(tiny, (2,), (1,), repeats=3, with_baseline=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"with_loops": True}, "loops: for passes only"),
        ({"tuned": True}, "tune: for passes only"),
        ({"algorithm": "im2col"}, "algorithm: a training step takes"),
        ({"level": "generic"}, "ALEXNET_CY_ISA=generic"),
    ],
)
def test_what_is_for_passes_only(tiny, settings, message, monkeypatch):
    monkeypatch.delenv("ALEXNET_CY_ISA", raising=False)
    with pytest.raises(ValueError, match=message):
        make_settings(tiny, (1,), (1,), training=True, **settings)


def test_the_command(tiny, monkeypatch, capsys):
    monkeypatch.setattr(bench, "described_network", lambda args: tiny)
    assert main(["bench", "--train", "--batch", "2", "--repeats", "1"]) == 0
    out = capsys.readouterr().out
    assert "training step: forward, loss, backward, SGD" in out
    assert "algorithm" not in out.partition("layer ")[2].partition("\n")[0]
    assert main(["bench", "--train", "--batch", "2", "--repeats", "1", "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert [layer["name"] for layer in run["layers"]] == PIECES
    assert main(["bench", "--train", "--loops"]) == 2
