"""`alexnet-cy bench` and its script: options, outputs, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from alexnet_cy import AlexNet
from alexnet_cy.bench import measure
from alexnet_cy.cli import main
from alexnet_cy.cli.commands import bench
from alexnet_cy.network import get_variant

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "bench_layers.py"
FAST = ["--repeats", "1", "--no-baseline"]


def run(*options):
    return main(["bench", *options])


@pytest.fixture
def tiny_network(tiny, no_waiting, monkeypatch):
    monkeypatch.setattr(bench, "described_network", lambda args: tiny)


def test_the_network_of_a_file_is_timed(capsys, tiny, no_waiting, tmp_path):
    AlexNet.random(tiny).save(tmp_path / "tiny.safetensors")
    assert run("--weights", str(tmp_path / "tiny.safetensors"), *FAST) == 0
    out = capsys.readouterr().out
    assert "tiny, 5 classes, 33x33" in out
    for layer in tiny.layers:
        assert layer.name in out


def test_every_layer_of_caffe_is_named(capsys, no_waiting):
    assert run(*FAST) == 0
    out, err = capsys.readouterr()
    assert err == ""  # no progress bar where there is no terminal
    first_words = [line.split()[0] for line in out.splitlines() if line.split()]
    names = [name for word in first_words for name in word.split("+")]
    for layer in get_variant("caffe").layers:
        assert names.count(layer.name) == 1


@pytest.mark.usefixtures("tiny_network")
class TestOutputs:
    def test_tables(self, capsys):
        assert run("--batch", "1,2", "--threads", "1,2", "--repeats", "1", "--loops") == 0
        out = capsys.readouterr().out
        for title in ("batch 1, 1 thread", "batch 2, 1 thread", "batch 1, 2 threads"):
            assert title in out

    def test_json_alone_on_standard_output(self, capsys):
        assert run("--json", "--repeats", "1", "--batch", "2") == 0
        (found,) = json.loads(capsys.readouterr().out)["runs"]
        assert found["batch"] == 2
        assert found["total"]["speedup"] > 0

    def test_json_in_a_file_and_tables(self, tmp_path, capsys):
        assert run("--json", str(tmp_path / "bench.json"), *FAST) == 0
        data = json.loads((tmp_path / "bench.json").read_text())
        assert data["runs"][0]["layers"][0]["numpy"] is None
        assert "conv1" in capsys.readouterr().out

    def test_plot(self, tmp_path):
        pytest.importorskip("matplotlib")
        assert run("--plot", str(tmp_path / "bench.png"), *FAST) == 0
        assert (tmp_path / "bench.png").stat().st_size > 10_000

    def test_conditions_follow_the_options(self, capsys):
        assert run("--isa", "generic", "--algorithm", "im2col", "--json", *FAST) == 0
        data = json.loads(capsys.readouterr().out)
        assert data["conditions"]["isa"] == "generic"
        assert data["conditions"]["algorithm"] == "im2col"
        assert data["runs"][0]["layers"][0]["algorithm"] == "im2col"

    def test_tuned(self, capsys, monkeypatch, tmp_path):
        monkeypatch.setenv("ALEXNET_CY_HOME", str(tmp_path))
        assert run("--tune", "--json", *FAST) == 0
        data = json.loads(capsys.readouterr().out)
        assert data["conditions"]["algorithm"] == "tuned"
        assert (tmp_path / "tuning.json").is_file()

    def test_numbers_that_come_twice_count_once(self, capsys):
        assert run("--batch", "1,1", "--threads", "1,1", "--json", *FAST) == 0
        assert len(json.loads(capsys.readouterr().out)["runs"]) == 1

    def test_progress_on_a_terminal(self, monkeypatch, capsys):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        assert run("--json", *FAST) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)
        assert "batch 1" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch", "0"], "need a whole number from 1 up, got '0'"),
        (["--batch", "1,,2"], "need a whole number from 1 up, got ''"),
        (["--batch", "many"], "need a whole number from 1 up, got 'many'"),
        (["--repeats", "0"], "need a whole number from 1 up, got '0'"),
        (["--threads", "0"], "threads: need 1 to"),
        (["--threads", "1,two"], "'two'"),
        (["--variant", "resnet"], "caffenet"),
        (["--algorithm", "fft"], "direct"),
        (["--isa", "x87"], "generic"),
        (["--tune", "--algorithm", "direct"], "tune: nothing to choose"),
        (["--plot", "{tmp}/bench.doc"], "bench"),  # the kind of file, or matplotlib is missing
    ],
)
def test_bad_options_are_refused_before_anything_is_measured(
    options, message, tmp_path, capsys, monkeypatch
):
    assert_refused(options, 2, message, tmp_path, capsys, monkeypatch)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--json", "/no/such/folder/bench.json"], "there is no folder /no/such/folder"),
        (["--json", "{tmp}"], "is a folder"),
        (["--plot", "/no/such/folder/bench.png"], "there is no folder /no/such/folder"),
    ],
)
def test_places_that_cannot_be_written(options, message, tmp_path, capsys, monkeypatch):
    assert_refused(options, 1, message, tmp_path, capsys, monkeypatch)


def assert_refused(options, status, message, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(measure, "measure", lambda *args: pytest.fail("measured"))
    assert run(*[option.format(tmp=tmp_path) for option in options]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("alexnet-cy: error: ")
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_threads_count_from_the_processors(capsys, tiny_network):
    assert run("--threads", "-1", "--json", *FAST) == 0
    assert json.loads(capsys.readouterr().out)["runs"][0]["threads"] >= 1


@pytest.mark.parametrize(
    ("error", "exit_code", "message"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError("cannot allocate 9 MB"), 1, "error: out of memory: cannot allocate 9 MB"),
        (ArithmeticError("they differ"), 1, "error: they differ"),
    ],
)
@pytest.mark.usefixtures("tiny_network")
def test_what_stops_it_is_one_line(error, exit_code, message, monkeypatch, capsys):
    def stop(*args):
        raise error

    monkeypatch.setattr(measure, "measure", stop)
    assert run() == exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"alexnet-cy: {message}\n"


@pytest.mark.usefixtures("importable")
def test_the_script_takes_the_same_options():
    if not SCRIPT.exists():
        pytest.skip("benchmarks/ is not here")
    ours = subprocess.run(
        [sys.executable, SCRIPT, "--batch", "0"], capture_output=True, text=True, timeout=60
    )
    assert ours.returncode == 2
    assert "whole number from 1 up" in ours.stderr
