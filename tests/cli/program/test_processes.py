"""The command line as processes: exit statuses, signals, pipes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import alexnet_cy
from alexnet_cy.cli.signals import ended_by_signals

pytestmark = pytest.mark.slow

RunPython = Callable[..., "subprocess.CompletedProcess[str]"]

DEADLINE_S = 60.0


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Heed interrupts: what a shell runs in the background ignores them, and so do its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def features_run(tmp_path: Path, interruptible: None) -> Iterator[subprocess.Popen[str]]:
    """A run of `features` over many images that has begun to write."""
    image = tmp_path / "image.png"
    Image.new("RGB", (64, 64), (200, 100, 50)).save(image)
    output = tmp_path / "out" / "features.npz"
    output.parent.mkdir()
    many = [image] * 5000
    process = start("features", *many, "--random", "0", "-l", "pool1", "-o", output)
    try:
        deadline = time.monotonic() + DEADLINE_S
        journal = output.parent / "features.npz.unfinished" / "journal.jsonl"
        while not journal.is_file() or journal.read_bytes().count(b"\n") < 2:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < deadline, "features has written nothing"
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.communicate()


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    package_parent = str(Path(alexnet_cy.__file__).resolve().parents[1])
    paths = [package_parent, os.environ.get("PYTHONPATH")]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    variables.pop("PYTHONUNBUFFERED", None)  # or the interpreter's last flush would have no work
    return subprocess.Popen(
        [sys.executable, "-m", "alexnet_cy", *map(str, arguments)],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        (signal.SIGINT, 130, "alexnet-cy: interrupted\n"),
        (signal.SIGTERM, 143, ""),
        (signal.SIGHUP, 129, ""),
    ],
)
def test_signal_leaves_what_is_done(
    features_run: subprocess.Popen[str],
    tmp_path: Path,
    sent: signal.Signals,
    status: int,
    message: str,
) -> None:
    features_run.send_signal(sent)
    out, err = features_run.communicate(timeout=DEADLINE_S)
    assert features_run.returncode == status
    assert out == ""
    assert err.endswith("give the command again\n" + message)
    assert "Traceback" not in err
    [folder] = (tmp_path / "out").iterdir()
    assert folder.name == "features.npz.unfinished"
    done = int(re.findall(r"(\d+) images are done and kept in", err)[0])
    assert np.load(folder / "pool1.npy", mmap_mode="r").shape == (done, 96, 27, 27)


def test_what_ignores_a_closed_terminal_goes_on() -> None:
    """As `nohup` has it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_reader_that_goes_early() -> None:
    """The reader takes one line of many and goes, as `head -1` does."""
    process = start("weights", "verify", *(f"no-such-file-{i}" for i in range(3000)))
    assert process.stdout is not None
    assert process.stdout.readline().startswith("no-such-file-0: bad: ")
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, err) == (141, "")


@pytest.mark.parametrize(
    "arguments", [("summary",), ("summary", "--json"), ("weights", "list"), ("config",)]
)
def test_stdout_that_is_closed_before_the_end(arguments: tuple[str, ...]) -> None:
    """Also where the text fits the buffer and goes out with the last flush."""
    process = start(*arguments)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, err) == (141, "")


def test_module_and_statuses(run_python: RunPython, tmp_path: Path) -> None:
    good = run_python("-m", "alexnet_cy", "summary", "--json")
    assert good.returncode == 0
    assert json.loads(good.stdout)["parameters"] == 60_965_224
    failed = run_python("-m", "alexnet_cy", "convert", str(tmp_path / "none"), "x.npz")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("alexnet-cy: error: ")
    wrong = run_python("-m", "alexnet_cy", "summary", "--size", "x")
    assert (wrong.returncode, wrong.stdout) == (2, "")


def test_help_imports_nothing_heavy(run_python: RunPython) -> None:
    program = (
        "import sys; from alexnet_cy.cli import main; status = main(['--help']); "
        "heavy = {'rich', 'PIL', 'platformdirs', 'requests', 'safetensors', 'google.protobuf'}; "
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr); sys.exit(status)"
    )
    finished = run_python("-c", program)
    assert (finished.returncode, finished.stderr) == (0, "[]\n")
