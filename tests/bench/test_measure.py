"""Measuring: every layer is there, the calls are counted, wrong results are not timed."""

import numpy as np
import pytest

from alexnet_cy.bench import measure
from alexnet_cy.bench.limits import Limits, higher
from alexnet_cy.bench.passes import NumpyPass
from alexnet_cy.bench.settings import make_settings
from alexnet_cy.engine.tune import tuning

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_waiting")]


def measured(variant, *args, **kwargs):
    steps = []
    settings = make_settings(variant, *args, **kwargs)
    report = measure.measure(settings, steps.append)
    assert len(steps) == measure.count_steps(settings)
    return report


def test_every_layer_of_every_run(tiny):
    report = measured(tiny, (1, 2), (1, 2), repeats=7)
    assert [(run.threads, run.batch) for run in report.runs] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    for run in report.runs:
        names = [name for layer in run.layers for name in layer.name.split("+")]
        assert names == [layer.name for layer in tiny.layers]
        assert all(layer.ours.min_ms > 0 for layer in run.layers)
        assert all(layer.ours.median_ms >= layer.ours.min_ms for layer in run.layers)
        assert all(layer.numpy.min_ms > 0 for layer in run.layers)
        assert all(layer.loops_ms is None for layer in run.layers)
        assert run.total.ours.min_ms >= sum(layer.ours.min_ms for layer in run.layers)
        assert run.difference < 1e-5


def test_counts_grow_with_the_batch_and_weights_are_counted_once(report):
    for one, three in zip(report.runs[0].layers, report.runs[1].layers, strict=True):
        assert three.macs == 3 * one.macs
        assert one.nbytes <= three.nbytes <= 3 * one.nbytes
    conv = report.runs[0].layers[0]
    assert conv.macs == 15 * 15 * 8 * 75
    assert conv.nbytes == 4 * (3 * 33 * 33 + 8 * 15 * 15 + 8 * 75 + 8)


def test_without_the_baseline(tiny):
    (run,) = measured(tiny, (1,), (1,), repeats=1, with_baseline=False).runs
    assert run.difference is None
    assert run.total.numpy is None
    assert run.total.speedup is None
    assert all(layer.numpy is None and layer.speedup is None for layer in run.layers)


def test_loops_are_for_the_whole_batch(report):
    for one, three in zip(report.runs[0].layers, report.runs[1].layers, strict=True):
        assert three.loops_ms == pytest.approx(3 * one.loops_ms)
    total = sum(layer.loops_ms for layer in report.runs[0].layers)
    assert report.runs[0].total.loops_ms == pytest.approx(total)


def test_a_wrong_result_is_not_timed(tiny, monkeypatch):
    right = NumpyPass.__call__

    def wrong(self):
        times = right(self)
        times.result[0, 0] += np.float32(0.01)
        return times

    monkeypatch.setattr(NumpyPass, "__call__", wrong)
    with pytest.raises(ArithmeticError, match="differ from NumPy's by"):
        measured(tiny, (1,), (1,), repeats=1)


def test_nan_is_not_timed(tiny, monkeypatch):
    images = measure.noise(tiny, 1)
    images[0, 0, 0, 0] = np.nan
    monkeypatch.setattr(measure, "noise", lambda variant, batch: images)
    with pytest.raises(ArithmeticError, match="nan"):
        measured(tiny, (1,), (1,), repeats=1)


def test_the_level_is_the_one_asked_for(tiny):
    report = measured(tiny, (1,), (1,), level="generic", repeats=1, with_baseline=False)
    assert report.conditions["isa"] == "generic"


def test_the_algorithm_is_the_one_asked_for(tiny):
    for algorithm in ("direct", "im2col"):
        (run,) = measured(tiny, (1,), (1,), algorithm=algorithm, repeats=1).runs
        assert run.layers[0].algorithm == run.layers[2].algorithm == algorithm


def test_the_algorithms_are_those_that_were_measured(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("ALEXNET_CY_HOME", str(tmp_path))
    asked = []

    def measure_ms(variant, height, width, **settings):
        asked.append((settings["batch"], settings["threads"]))
        fastest = {"im2col": 1.0, "direct": 2.0, "winograd": 3.0}
        return {"conv1": fastest, "conv2": {"winograd": 1.0, "direct": 2.0, "im2col": 3.0}}

    monkeypatch.setattr(tuning, "measure_ms", measure_ms)
    for runs in (2, 0):  # the second time they are known
        report = measured(tiny, (1, 2), (1,), repeats=1, with_baseline=False, tuned=True)
        for run in report.runs:
            chosen = {layer.name: layer.algorithm for layer in run.layers}
            assert (chosen["conv1"], chosen["conv2"]) == ("im2col", "winograd")
        assert report.conditions["algorithm"] == "tuned"
        assert len(asked) == runs
        asked.clear()


def test_a_batch_begins_with_the_images_of_a_smaller_one(tiny):
    assert np.array_equal(measure.noise(tiny, 3)[:2], measure.noise(tiny, 2))


def test_a_limit_is_the_most_that_was_reached():
    assert higher(Limits(1.0, 4.0), Limits(2.0, 3.0)) == Limits(2.0, 4.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": "x87"}, "x87.*generic"),
        ({"algorithm": "fft"}, "fft"),
        ({"algorithm": "direct", "tuned": True}, "tune: nothing to choose, algorithm"),
    ],
)
def test_settings_that_cannot_be_measured(tiny, settings, message):
    with pytest.raises(ValueError, match=message):
        make_settings(tiny, (1,), (1,), **settings)


def test_a_level_from_the_environment_that_does_not_run(tiny, monkeypatch):
    monkeypatch.setenv("ALEXNET_CY_ISA", "sse9")
    with pytest.raises(ValueError, match="ALEXNET_CY_ISA is 'sse9'"):
        make_settings(tiny, (1,), (1,))
