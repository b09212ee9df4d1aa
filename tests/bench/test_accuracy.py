"""The scripts of benchmarks/ that measure errors, on networks with a small head."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from support.networks import narrow

from alexnet_cy.engine.winograd import tile_points

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "benchmarks"
if not FOLDER.exists():
    pytest.skip("benchmarks/ is not here", allow_module_level=True)


def script(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def accuracy(monkeypatch):
    module = script("accuracy")
    monkeypatch.setattr(module, "VARIANTS", {name: narrow(name) for name in ("caffe", "plain")})
    return module


def test_every_layer_is_measured(accuracy, capsys):
    assert accuracy.main(["--variants", "caffe", "--seeds", "3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["conditions"]["seeds"] == [3]
    layers = [layer.name for layer in narrow("caffe").layers]
    in_network = {(row["layer"], row["computed_by"]): row for row in report["in_network"]}
    assert list(in_network) == [(name, how) for how in ("default", "exact") for name in layers]
    alone = {(row["layer"], row["computed_by"]): row for row in report["alone"]}
    assert list(dict.fromkeys(layer for layer, _ in alone)) == layers
    assert alone["pool1", "maximum"]["largest"] == 0
    for row in [*in_network.values(), *alone.values()]:
        assert row["variant"] == "caffe"
        assert row["input"] == "noise"
        assert 0 <= row["rms"] <= 5e-6
        assert row["largest"] <= 2e-5
    # conv1 has nothing before it: in the network it is what it is alone
    for how, algorithm in (("default", "winograd"), ("exact", "direct")):
        for measure in ("largest", "rms"):
            assert in_network["conv1", how][measure] == alone["conv1", algorithm][measure] > 0


def test_the_tables_have_a_row_per_layer_and_a_column_per_variant(accuracy, capsys, monkeypatch):
    def measure(variant, seed, kind, x, in_network, alone):
        for layer in variant.layers:
            key = variant.name, kind, layer.name, "default"
            accuracy.keep(in_network, key, np.ones((1, 2)), np.array([[1.0, 1.25]]))

    monkeypatch.setattr(accuracy, "measure", measure)
    assert accuracy.main(["--variants", "plain,caffe", "--seeds", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "in the network, noise: largest, rms" in [line.rstrip() for line in lines]
    head, *rows = [line.split() for line in lines[lines.index("") + 2 :]]
    assert head == ["layer", "by", "plain", "caffe"]
    assert [row[0] for row in rows] == [layer.name for layer in narrow("caffe").layers]
    errors = ["2.0e-01", "1.4e+00"]  # 0.25 of 1.25; 0.25 / sqrt(2) of 0.125
    assert rows[0] == ["conv1", "default", *errors, *errors]
    assert rows[1] == ["norm1", "default", *errors]


def test_the_worst_is_kept(accuracy):
    worst = {("caffe", "noise", "conv1", "default"): (0.5, 2.0)}
    for computed in ([1.0, 3.0], [1.0, 3.5]):
        exact = np.array([[1.0, 4.0]])
        accuracy.keep(worst, ("caffe", "noise", "conv1", "default"), np.array([computed]), exact)
    assert list(worst.values()) == [(0.5, 2.0)]
    accuracy.keep(worst, ("caffe", "noise", "conv1", "default"), np.array([[1.0, 1.0]]), exact)
    assert list(worst.values()) == [(0.75, 2.0)]


def test_the_inputs(accuracy, tmp_path):
    from PIL import Image

    Image.new("RGB", (300, 200), "red").save(tmp_path / "red.png")
    found = dict(accuracy.inputs(narrow("plain"), [str(tmp_path / "red.png")], 0))
    assert list(found) == ["photographs", "noise"]
    assert all(x.shape == (1, 3, 227, 227) and x.dtype == np.float32 for x in found.values())


def test_unknown_variants_are_refused(accuracy, capsys):
    with pytest.raises(SystemExit):
        accuracy.main(["--variants", "caffe,vgg"])
    assert "'vgg' is none of caffe, plain" in capsys.readouterr().err


def test_points(capsys, monkeypatch):
    points = script("evidence/winograd_points")
    monkeypatch.setattr(points, "SIXTEENTHS", points.SIXTEENTHS[2::6])
    assert points.main(["--search"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["F(5,", "F(4,", "F(3,"]
    assert "best for F(5, 3)" in out
    assert "best for F(4, 5)" in out


def test_amplification():
    """F(1, 1) is one product, F(2, 1) at 0 and infinity two side by side: nothing is amplified."""
    points = script("evidence/winograd_points")
    np.testing.assert_allclose(points.amplification([], 1, 1), [1])
    np.testing.assert_allclose(points.amplification([0], 2, 1), [1, 1])
    has_infinity, finite = tile_points(5, 3)
    in_use = points.amplification(finite, 5, 3, has_infinity=has_infinity).mean()
    assert in_use < 0.6 * points.amplification(points.USUAL, 5, 3).mean()
    pairs = points.amplification(tile_points(4, 3)[1], 4, 3, has_infinity=False)
    assert pairs.mean() < points.amplification(finite[:5], 4, 3).mean()
