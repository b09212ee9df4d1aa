"""The picture is written, with what it shows in it."""

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from alexnet_cy.bench.plot import check_format, draw


@pytest.mark.parametrize("with_numpy", [True, False])
def test_a_png_is_written(report, tmp_path, with_numpy):
    if not with_numpy:
        run = report.runs[0]
        layers = tuple(replace(layer, numpy=None) for layer in run.layers)
        run = replace(run, layers=layers, total=replace(run.total, numpy=None))
        report = replace(report, runs=(run,))
    draw(report, tmp_path / "bench.png")
    picture = (tmp_path / "bench.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(picture[i : i + 4], "big") for i in (16, 20))
    assert width == 1650
    assert height > 500


def test_layers_and_titles_are_in_the_picture(report, tmp_path, monkeypatch):
    import matplotlib as mpl

    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")  # text stays text
    draw(report, tmp_path / "bench.svg")
    text = (tmp_path / "bench.svg").read_text()
    for layer in report.runs[0].layers:
        assert f">{layer.name}<" in text
    assert "batch 3, 1 thread: " in text
    assert "of 100 GFLOP/s" in text


def test_a_kind_of_file_that_cannot_be_drawn():
    with pytest.raises(ValueError, match=r"bench\.doc.*\.png"):
        check_format(Path("bench.doc"))
    check_format(Path("bench.PNG"))
