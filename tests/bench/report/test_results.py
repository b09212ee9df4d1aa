"""What follows from the times, by arithmetic."""

import json

import pytest

from alexnet_cy.bench.limits import Limits
from alexnet_cy.bench.results import LayerResult, Times, Totals

LIMITS = Limits(fma_gflops=100.0, read_gbytes_per_s=10.0)


def layer(macs, nbytes, median_ms=2.0, numpy=None):
    return LayerResult(
        "conv1", "direct", macs, nbytes, Times(median_ms, 1.0), numpy, None, None, LIMITS
    )


def test_times_are_the_median_and_the_minimum_in_milliseconds():
    assert Times.of([0.004, 0.001, 0.002]) == Times(2.0, 1.0)


def test_a_layer_bound_by_arithmetic():
    found = layer(macs=50_000_000, nbytes=1_000_000)  # at least 1 ms and 0.1 ms
    assert found.bound_by == "arithmetic"
    assert found.limit_ms == pytest.approx(1.0)
    assert found.limit_share == pytest.approx(0.5)
    assert (found.rate, found.rate_unit) == (pytest.approx(50.0), "GFLOP/s")


def test_a_layer_bound_by_memory():
    found = layer(macs=5_000_000, nbytes=10_000_000)  # at least 0.1 ms and 1 ms
    assert found.bound_by == "memory"
    assert found.limit_share == pytest.approx(0.5)
    assert (found.rate, found.rate_unit) == (pytest.approx(5.0), "GB/s")


def test_a_layer_without_arithmetic_is_bound_by_memory():
    assert layer(macs=0, nbytes=1).bound_by == "memory"


def test_speedups_are_of_medians():
    found = layer(1, 1, numpy=Times(7.0, 0.1))
    assert found.speedup == pytest.approx(3.5)
    assert layer(1, 1).speedup is None
    total = Totals(Times(2.0, 1.0), Times(5.0, 3.0), 400.0, limit_ms=0.5)
    assert total.speedup == pytest.approx(2.5)
    assert total.loops_speedup == pytest.approx(200.0)
    assert total.limit_share == pytest.approx(0.25)


def test_json_is_complete_and_follows_from_its_parts(report):
    data = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert set(data) == {"conditions", "other_load", "runs"}
    assert {"processor", "isa", "numpy", "blas", "compiler", "repeats"} <= set(data["conditions"])
    assert [run["batch"] for run in data["runs"]] == [1, 3]
    for run in data["runs"]:
        assert [one["name"] for one in run["layers"]] == [
            "conv1", "norm1+pool1", "conv2", "avgpool", "fc6", "fc8", "prob",
        ]  # fmt: skip
        for one in [*run["layers"], run["total"]]:
            assert one["speedup"] == pytest.approx(one["numpy"]["median_ms"] / one["median_ms"])
            assert one["loops_speedup"] == pytest.approx(one["loops_ms"] / one["median_ms"])
            assert one["limit_share"] == pytest.approx(one["limit_ms"] / one["median_ms"])
        total = run["total"]
        assert total["limit_ms"] == pytest.approx(sum(one["limit_ms"] for one in run["layers"]))
        assert total["images_per_s"] == pytest.approx(1000 * run["batch"] / total["median_ms"])
