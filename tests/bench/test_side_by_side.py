"""Contenders in processes of their own: real ones, and made-up ones for what can go wrong."""

import io
import json
import sys
import tempfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from rich.console import Console

from alexnet_cy import AlexNet

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[2] / "benchmarks"
if not FOLDER.exists():
    pytest.skip("benchmarks/ is not here", allow_module_level=True)
sys.path.append(str(FOLDER))

import bench_peers  # noqa: E402
import bench_training  # noqa: E402
from peers.interface import NetworkFolder  # noqa: E402
from peers.registry import Peer, find_peer  # noqa: E402
from side_by_side import schedule  # noqa: E402
from side_by_side.processes import ContenderProcess, Gap, Place  # noqa: E402
from side_by_side.results import Comparison, Speed, Start  # noqa: E402
from side_by_side.schedule import Effort, measure_speeds, measure_starts, prepare  # noqa: E402
from side_by_side.tables import print_comparison  # noqa: E402

EFFORT = Effort(rounds=3, starts=2, burst_s=0.0, burst_passes=2)


@pytest.fixture(scope="module")
def network():
    """Two images through the Caffe network, as bench_peers.py writes them; 244 MB, not kept."""
    with tempfile.TemporaryDirectory() as path:
        folder = NetworkFolder(Path(path), "caffe")
        net = AlexNet.random("caffe")
        net.save(folder.safetensors)
        images = np.random.default_rng(0).standard_normal((2, 3, 227, 227), np.float32)
        np.save(folder.images, images)
        np.save(folder.expected, net.forward(images))
        yield folder


@pytest.fixture
def place(tmp_path, importable):
    with (tmp_path / "log").open("w") as log:
        yield Place(1, (0,), {}, sys.executable, log, timeout_s=120)


@pytest.mark.parametrize("name", ["alexnet_cy", "alexnet_cy@generic", "numpy"])
def test_a_real_contender(network, place, name):
    with ContenderProcess(find_peer(name), network, place) as process:
        assert process.ask(do="prepare")["version"]
        for batch in (1, 2):
            # Logits of some hundred carry their error of 1e-7 times their size into the exponent.
            assert process.ask(do="load", batch=batch)["error"] < 1e-4
        times_ms = process.ask(do="burst", seconds=0, passes=2)["times_ms"]
        assert len(times_ms) == 2
        assert min(times_ms) > 0
        assert process.ask(do="peak")["peak_bytes"] > 244e6  # the weights


def test_a_framework_that_is_not_installed_is_a_gap(network, place, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(place_without("cv2", Path(place.log.name).parent)))
    with ContenderProcess(find_peer("opencv"), network, place) as process:
        with pytest.raises(Gap, match="no cv2 here"):
            process.ask(do="prepare")


def place_without(module, folder):
    """Make a folder in which importing `module` fails."""
    (folder / f"{module}.py").write_text(f"raise ImportError('no {module} here')")
    return folder


def test_an_interpreter_that_is_not_there_is_a_gap(network, place):
    nowhere = Place(1, (0,), {"numpy": "/no/such/python"}, sys.executable, place.log, 10)
    with pytest.raises(Gap, match="cannot start /no/such/python"):
        ContenderProcess(find_peer("numpy"), network, nowhere)


def test_a_process_that_ends_is_a_gap(network, place):
    silent = Place(1, (0,), {"numpy": "/bin/false"}, sys.executable, place.log, 10)
    with ContenderProcess(find_peer("numpy"), network, silent) as process:
        with pytest.raises(Gap, match="ended with status 1"):
            process.ask(do="prepare")


def test_a_process_that_does_not_answer_is_a_gap(network, place):
    impatient = Place(1, (0,), {}, sys.executable, place.log, timeout_s=0.01)
    with ContenderProcess(find_peer("numpy"), network, impatient) as process:
        with pytest.raises(Gap, match=r"no answer in 0 s"):
            process.ask(do="load", batch=1)


# ------------------------------------------------------------------------------------ made-up ones

FAST = Peer("fast", "Fast", "fast_peer")
SLOW = Peer("slow", "Slow", "slow_peer")
BROKEN = Peer("broken", "Broken", "broken_peer")
CRASHING = Peer("crashing", "Crashing", "crashing_peer")


class FakeProcess:
    """Answers at once; passes of "slow" take twice as long; calls are noted."""

    calls: ClassVar = []

    def __init__(self, peer, folder, place):
        self.peer, self.bursts = peer, 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def ask(self, do, **details):
        FakeProcess.calls.append((do, self.peer.name))
        if self.peer is BROKEN:
            raise Gap("not installed")
        if do == "burst":
            self.bursts += 1
            if self.peer is CRASHING and self.bursts == 2:
                raise Gap("its process ended with status -11")
            base = 10.0 * self.bursts * (2 if self.peer is SLOW else 1)
            return {"times_ms": [base, base + 1, base + 5]}
        return {
            "prepare": {"version": "1.0"},
            "load": {"error": 1e-6},
            "peak": {"peak_bytes": 200_000_000 + 100_000_000 * self.bursts},
        }[do]


@pytest.fixture
def fake_processes(monkeypatch):
    monkeypatch.setattr(schedule, "ContenderProcess", FakeProcess)
    monkeypatch.setattr(schedule, "sleep", lambda seconds: None)
    monkeypatch.setattr(FakeProcess, "calls", [])


@pytest.fixture
def comparison(fake_processes, network, place):
    """All that was found about the made-up ones, at batches 1 and 4."""
    peers = (FAST, SLOW, BROKEN, CRASHING)
    found = Comparison(
        {
            "variant": "caffe", "processor": "Abacus", "processors": [0], "rounds": 3,
            "burst_s": 0.0, "burst_passes": 2,
        },
        {peer.name: peer.title for peer in peers},
    )  # fmt: skip
    layer = {"layer": "fc6", "first_image": 1.0, "union_of_2": 1.0, "union_of_4": 1.0}
    found.densities["dense"] = [layer]

    def show_progress(what):
        pass

    ready = prepare(found, peers, network, place, show_progress)
    assert ready == [FAST, SLOW, CRASHING]
    measure_starts(found, ready, network, place, EFFORT, show_progress)
    measure_speeds(found, "dense", ready, (1, 4), network, place, EFFORT, show_progress)
    return found


def test_gaps_say_who_and_why(comparison):
    assert comparison.gaps == {
        "broken": "not installed",
        "crashing, dense, 1 thread, batch 1": "its process ended with status -11",
    }
    assert comparison.speed("dense", 1, 1, "crashing") is None
    assert comparison.speed("dense", 1, 4, "crashing") is not None


def test_medians_of_the_rounds(comparison):
    speed = comparison.speed("dense", 1, 1, "fast")
    assert speed.rounds_ms == (11.0, 21.0, 31.0)
    assert (speed.median_ms, speed.min_ms) == (21.0, 10.0)
    assert speed.images_per_s == pytest.approx(1000 / 21)
    slow = comparison.speed("dense", 1, 1, "slow")
    # in pairs, round by round: 21/11, 41/21, 61/31
    assert speed.times_as_fast_as(slow) == pytest.approx(41 / 21)


def test_everybody_has_a_turn_in_every_round_in_changing_order(comparison):
    bursts = [name for do, name in FakeProcess.calls if do == "burst"]
    starts, speeds = bursts[:9], bursts[9:]
    assert starts[:3] == speeds[:3] == ["fast", "slow", "crashing"]
    assert starts[3:6] == speeds[3:6] == ["fast", "crashing", "slow"]
    assert starts[6:] == ["crashing", "fast", "slow"]
    assert speeds[6:8] == ["fast", "slow"]  # one has ended


def test_the_first_start_does_not_count(comparison):
    start = comparison.start(1, "fast")
    assert len(start.first_result_s) == len(start.peak_bytes) == EFFORT.starts
    assert len(start.first_peak_bytes) == EFFORT.starts
    assert (start.first_peak_mb, start.peak_mb) == (200, 300)


def test_json_is_complete(comparison):
    data = json.loads(json.dumps(comparison.as_json("slow"), allow_nan=False))
    assert [peer["name"] for peer in data["peers"]] == ["fast", "slow", "broken", "crashing"]
    assert data["peers"][2]["version"] is None
    fast = next(s for s in data["speeds"] if (s["peer"], s["batch"]) == ("fast", 4))
    assert fast["images_per_s"] == pytest.approx(4000 / fast["median_ms"])
    assert fast["times_as_fast_as_reference"] > 1
    assert {start["peer"] for start in data["starts"]} == {"fast", "slow", "crashing"}


def test_tables_have_everybody_and_gaps(comparison):
    stream = io.StringIO()
    print_comparison(comparison, "slow", Console(file=stream, width=200, markup=False))
    text = stream.getvalue()
    rows = [line.split() for line in text.splitlines()]
    assert ["Fast", "1.0", "21.00", "47.6", "78.4", "1e-06"] in rows
    assert ["Crashing", "1.0", "–", "–", "97.6", "1e-06"] in rows
    assert ["Slow", "1.00", "1.00"] in rows
    assert ["Fast", "200", "300"] in [[row[0], *row[2:]] for row in rows if len(row) == 4]
    assert "broken: not installed" in text


def test_tables_without_the_reference(comparison):
    stream = io.StringIO()
    print_comparison(comparison, "broken", Console(file=stream, width=200, markup=False))
    assert "times as fast" not in stream.getvalue()


def test_the_picture_has_everybody(comparison, tmp_path, monkeypatch):
    mpl = pytest.importorskip("matplotlib")
    from side_by_side.plot import draw

    monkeypatch.setitem(mpl.rcParams, "svg.fonttype", "none")  # text stays text
    draw(comparison, tmp_path / "peers.svg")
    text = (tmp_path / "peers.svg").read_text()
    for title in ("Fast", "Slow", "Crashing"):
        assert f">{title}" in text
    assert ">Broken" not in text


# ----------------------------------------------------------------------------------- the script


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--peers", "tensorflow"], "no peer 'tensorflow'"),
        (["--weights", "sparse"], "need one of dense, published"),
        (["--batch", "0"], "need a whole number from 1 up"),
        (["--python", "torch"], "need FRAMEWORK=PATH"),
        (["--threads", "2", "--processors", "0"], "2 need as many processors"),
    ],
)
def test_bad_options(options, message, capsys):
    with pytest.raises(SystemExit) as exit_info:
        bench_peers.main(options)
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err


def test_ctrl_c_leaves_what_is_complete(monkeypatch, capsys):
    def stop(comparison, args, work):
        comparison.versions["numpy"] = "2.0"
        comparison.speeds.append(Speed("dense", 1, 1, "numpy", (10.0,), 9.0, 1e-6))
        comparison.starts.append(Start(1, "numpy", (0.5,), (10**9,), (10**9,)))
        raise KeyboardInterrupt

    monkeypatch.setattr(bench_peers, "compare", stop)
    options = ["--peers", "numpy", "--threads", "1", "--json"]
    assert bench_peers.main(options) == 130
    data = json.loads(capsys.readouterr().out)
    assert data["reference"] == "numpy"
    assert data["speeds"][0]["median_ms"] == 10.0


def test_training_steps_are_in_the_tables_and_in_the_json(comparison, monkeypatch):
    args = bench_peers.parse(None, ["--train", "32,128", "--threads", "1"])

    def compare(variant, batch, threads, rounds, *, pythons):
        assert (variant, threads, rounds, pythons) == ("caffe", 1, 5, {})
        row = {
            "contender": "alexnet_cy",
            "step_ms": 10.0 * batch,
            "image_ms": 10.0,
            "images_per_s": 100.0,
            "peak_mb": 900.0,
        }
        return [row], {"torch": "ended; is it installed?"}

    monkeypatch.setattr(bench_training, "compare", compare)
    bench_peers.compare_training(comparison, args)
    stream = io.StringIO()
    print_comparison(comparison, "slow", Console(file=stream, width=200, markup=False))
    assert "a training step, 1 thread, batch 128" in stream.getvalue()
    assert "1280.0 ms a step" in stream.getvalue()
    assert "torch, training step, 1 thread, batch 32: ended" in stream.getvalue()
    found = comparison.as_json("slow")["training"]
    assert [(row["batch"], row["image_ms"]) for row in found] == [(32, 10.0), (128, 10.0)]


@pytest.mark.slow
def test_a_training_step_of_a_contender_that_is_there_and_of_one_that_is_not(importable, tmp_path):
    missing = tmp_path / "python"
    missing.write_text("#!/bin/sh\nexit 1\n")
    missing.chmod(0o755)
    pythons = {"torch": str(missing)}
    rows, gaps = bench_training.compare("torchvision", 1, 1, 1, pythons=pythons)
    assert [row["contender"] for row in rows] == ["alexnet_cy"]
    assert 0 < rows[0]["first_loss"] < 100
    assert "ended" in gaps["torch"]
