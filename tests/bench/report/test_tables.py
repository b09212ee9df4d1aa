"""The tables: every layer, every figure, the conditions."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from alexnet_cy.bench.other_load import OtherLoad
from alexnet_cy.bench.results import LayerResult, RunResult, Times, Totals
from alexnet_cy.bench.tables import print_report, run_table


def printed(report):
    stream = io.StringIO()
    print_report(report, Console(file=stream, width=500, highlight=False, markup=False))
    return stream.getvalue()


def test_every_layer_has_a_row_in_every_table(report):
    lines = [line.split() for line in printed(report).splitlines()]
    first_words = [words[0] for words in lines if words]
    for layer in report.runs[0].layers:
        assert first_words.count(layer.name) == 2
    assert first_words.count("total") == 2


def test_a_row_has_the_figures(report):
    layer = replace(
        report.runs[0].layers[0],
        macs=50_000_000,
        ours=Times(2.0, 1.25),
        numpy=Times(7.0, 6.0),
        loops_ms=12_345.0,
        loops_computed=0.1,
    )
    text = printed(replace(report, runs=(replace(report.runs[0], layers=(layer,)),)))
    row = next(line for line in text.splitlines() if line.split()[:1] == ["conv1"])
    assert row.split() == [
        "conv1", layer.algorithm, "2.000", "1.250", "50.0", "GFLOP/s", "50", "%",
        "7.000", "3.50x", "~12,345", "6,172x",
    ]  # fmt: skip


def test_columns_follow_what_was_measured(report):
    def columns(run):
        return [column.header for column in run_table(run).columns]

    run = report.runs[0]
    common = ["layer", "algorithm", "median ms", "min ms", "speed", "of limit"]
    assert columns(run) == [*common, "NumPy ms", "faster", "loops ms", "faster"]
    only_ours = replace(
        run,
        layers=tuple(replace(one, numpy=None, loops_ms=None) for one in run.layers),
        total=replace(run.total, numpy=None, loops_ms=None),
        difference=None,
    )
    assert columns(only_ours) == common
    assert "NumPy" not in printed(replace(report, runs=(only_ours,)))


def test_the_header_states_the_conditions(report):
    text = " ".join(printed(report).split())
    for key in ("processor", "isa", "numpy", "compiler", "variant", "blas"):
        assert str(report.conditions[key]) in text
    assert "limits of 1 thread: 100 GFLOP/s of multiply-adds, 10.0 GB/s from memory" in text
    assert "medians of 2 passes" in text


@pytest.mark.parametrize(("processes", "says"), [(0.5, True), (0.01, False)])
def test_a_machine_that_was_not_quiet(report, processes, says):
    text = printed(replace(report, other_load=OtherLoad(processes, 0.0)))
    assert ("not quiet" in text) == says


def test_the_table_fits_a_terminal_of_80_columns(report):
    """With the widest figures that a real network gives, without the loops."""
    layer = report.runs[0].layers[0]
    wide = LayerResult(
        "avgpool", "winograd", 1, 10**9, Times(999.999, 999.999), Times(99_999.0, 1.0), None,
        None, layer.limits,
    )  # fmt: skip
    run = RunResult(
        64, 2, layer.limits, (wide,), Totals(wide.ours, wide.numpy, None, 1.0), difference=0.0
    )
    lines = printed(replace(report, runs=(run,))).splitlines()
    rows = [line for line in lines if line.split()[:1] in (["avgpool"], ["total"], ["layer"])]
    assert len(rows) == 3
    assert max(map(len, rows)) <= 80
