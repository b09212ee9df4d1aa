"""The scripts of benchmarks/ that measure one thing each."""

import importlib.util
import json
import subprocess
from pathlib import Path

import pytest

from alexnet_cy.kernels import _runtime

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "benchmarks"
if not FOLDER.exists():
    pytest.skip("benchmarks/ is not here", allow_module_level=True)


def script(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bench_gemm():
    module = script("bench_gemm")
    module.BURST_S = 1e-6
    return module


def test_gemm_compares_every_level_with_its_own_peak(bench_gemm, capsys, monkeypatch):
    peaks = iter(range(100, 200))
    monkeypatch.setattr(
        bench_gemm._limits, "fma_gflops", lambda kernels, threads, repeats: float(next(peaks))
    )
    assert bench_gemm.main(["--rounds", "3", "--json", "--layer", "conv5"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["conditions"]["product"] == "256 x 1728 x 169"
    levels = _runtime.runnable_levels()
    expected = [(level, kernel) for level in levels for kernel in ("direct", "im2col")]
    *ours, blas = data["results"]
    assert [(one["level"], one["kernel"]) for one in ours] == expected
    assert blas["level"].startswith("NumPy's ")
    for i, one in enumerate(data["results"]):
        assert one["peak_gflops"] == 102 + 3 * (i // 2)  # the highest of the level's rounds
        assert one["best_gflops"] >= one["median_gflops"] > 0
        assert one["median_share"] == pytest.approx(one["median_gflops"] / one["peak_gflops"])


def test_gemm_prints_a_table(bench_gemm, capsys):
    assert bench_gemm.main(["--rounds", "1"]) == 0
    out = capsys.readouterr().out
    assert "384 x 2304 x 169" in out
    assert out.count("generic") == 2


@pytest.mark.parametrize("options", [["--rounds", "0"], ["--batch", "0"], ["--layer", "fc6"]])
def test_gemm_refuses_bad_options(bench_gemm, options):
    with pytest.raises(SystemExit) as exit_info:
        bench_gemm.main(options)
    assert exit_info.value.code == 2


IMPORTTIME = """\
import time: self [us] | cumulative | imported package
import time:       500 |        500 |     numpy._core
import time:      1500 |       2000 |   numpy
import time:       300 |        300 |   alexnet_cy.errors
import time:       700 |       1000 | alexnet_cy
"""


@pytest.fixture
def bench_import(monkeypatch):
    def importtime(command, **kwargs):
        return subprocess.CompletedProcess(command, 0, stdout="", stderr=IMPORTTIME)

    module = script("bench_import")
    monkeypatch.setattr(module.subprocess, "run", importtime)
    return module


def test_import_counts_what_comes_after_numpy(bench_import, capsys):
    assert bench_import.main(["--rounds", "2", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["numpy_ms"] == {"median": 2.0, "min": 2.0}
    assert data["alexnet_cy_ms"] == {"median": 1.0, "min": 1.0}
    assert list(data["own_ms"].items()) == [("alexnet_cy", 0.7), ("alexnet_cy.errors", 0.3)]


@pytest.mark.parametrize(("limit", "exit_code"), [("0.9", 1), ("1.1", 0)])
def test_import_guards_a_limit(bench_import, limit, exit_code, capsys):
    assert bench_import.main(["--limit-ms", limit]) == exit_code
    assert ("limit 0.9" in capsys.readouterr().err) == exit_code


@pytest.mark.usefixtures("importable")
def test_import_in_a_real_interpreter(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    cumulative, own = script("bench_import").import_once(str(tmp_path))
    assert cumulative["alexnet_cy"] >= own["alexnet_cy"] > 0
    assert "numpy" not in own
    assert list(tmp_path.rglob("alexnet_cy/model/network.*.pyc"))


@pytest.mark.parametrize("options", [["--size", "30"], ["--batch", "1,x"], ["--rounds", "0"]])
def test_lpips_refuses_bad_options(options):
    with pytest.raises(SystemExit):
        script("bench_lpips").main(options)


def test_lpips_beside_the_package(capsys):
    try:
        import lpips  # noqa: F401
    except (ImportError, RuntimeError) as error:  # RuntimeError: torchvision is for another torch
        pytest.skip(f"no lpips: {error}")
    short = ["--size", "40", "--batch", "1,3", "--rounds", "2", "--seconds", "0.01"]
    assert script("bench_lpips").main([*short, "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert [result["batch"] for result in results] == [1, 3]
    assert all(result["difference"] < 1e-5 for result in results)
    assert script("bench_lpips").main(short) == 0
    assert "40 x 40, 2 threads" in capsys.readouterr().out
