"""Time from a weight file to a ready network, and count the memory and the bytes read on the way.

    python benchmarks/weights_loading.py                  safetensors and the other main formats
    python benchmarks/weights_loading.py --repeats 15 --encoding safetensors-ours

Every measurement is a process of its own. The file is in the page cache. The columns, medians of
all repeats, the least and the most in brackets:

read twice, ms    reading the file into memory twice, as `Path.read_bytes` does
first, ms         AlexNet.load and a first pass with one image, which reads and checks all weights
ready, ms         the same and a second pass, after which all weights are packed
CPU ms            the same as time of all processors, which is the better figure on a busy machine
pass, ms          a third pass: what of the columns before is not loading
first peak, peak  memory at the most, until the first result and until the third, beyond what the
                  process had before, as a multiple of the weights in float32, which the ready
                  network holds
conv5 reads       part of the file that is read for a pass up to conv5
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "weights"))

MAIN_ENCODINGS = (
    "safetensors-ours",
    "npz-ours",
    "npy-python2-dicts",
    "npz-tensorpack",
    "caffemodel-v1-diffs",
    "caffemodel-layer",
    "onnx-zoo12",
    "torch-zip",
    "torch-legacy",
    "deep-compression-net",
)


def read_twice(path: Path) -> dict[str, float]:
    """Read the file twice."""
    start, start_cpu = time.perf_counter(), time.process_time()
    for _ in range(2):
        path.read_bytes()
    return {
        "ms": 1e3 * (time.perf_counter() - start),
        "cpu_ms": 1e3 * (time.process_time() - start_cpu),
    }


def load(path: Path) -> dict[str, float]:
    """Load the network, run it twice, and once more for the time of a pass."""
    from alexnet_cy import AlexNet
    from alexnet_cy.network import get_variant

    # A pass of another network imports what passes need; its arena is as large as the real one's.
    size = get_variant("caffe").input_size
    image = np.ones((1, 3, size, size), np.float32)
    AlexNet.random("caffe", num_classes=1).forward(image, ["conv1"])
    before_bytes = _rss_bytes()
    _reset_peak()
    start, start_cpu = time.perf_counter(), time.process_time()
    net = AlexNet.load(path)
    image = np.ones((1, 3, *[net.variant.input_size] * 2), np.float32)
    net.forward(image)
    first = time.perf_counter()
    first_peak_bytes = _peak_bytes()
    net.forward(image)
    ready, ready_cpu = time.perf_counter(), time.process_time()
    net.forward(image)
    done = time.perf_counter()
    weights_bytes = 4 * net.variant.parameter_count
    return {
        "first_ms": 1e3 * (first - start),
        "ms": 1e3 * (ready - start),
        "cpu_ms": 1e3 * (ready_cpu - start_cpu),
        "pass_ms": 1e3 * (done - ready),
        "first_peak": (first_peak_bytes - before_bytes) / weights_bytes,
        "peak": (_peak_bytes() - before_bytes) / weights_bytes,
    }


def count_conv_bytes(path: Path) -> dict[str, float]:
    """Run the network up to conv5 and count the bytes that are read."""
    from alexnet_cy import AlexNet
    from alexnet_cy.weights.files import WeightsFile

    read_bytes = 0
    read_into = WeightsFile.read_into

    def counting(self: WeightsFile, offset: int, target: memoryview) -> None:
        nonlocal read_bytes
        read_bytes += target.nbytes
        read_into(self, offset, target)

    WeightsFile.read_into = counting  # type: ignore[method-assign]
    net = AlexNet.load(path)
    net.forward(np.ones((1, 3, *[net.variant.input_size] * 2), np.float32), ["conv5"])
    return {"part": read_bytes / path.stat().st_size}


MEASUREMENTS = {"twice": read_twice, "load": load, "conv5": count_conv_bytes}


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): the peak becomes what there is now


def _peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def measure(what: str, path: Path, repeats: int) -> list[dict[str, float]]:
    """Take a measurement in new processes."""
    command = [sys.executable, __file__, "--measure", what, str(path)]
    found = []
    for _ in range(repeats):
        finished = subprocess.run(command, capture_output=True, text=True, check=True)
        found.append(json.loads(finished.stdout))
    return found


def spread(values: list[float], digits: int) -> str:
    """Return the median, with the least and the most."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def print_row(directory: Path, encoding: str, repeats: int) -> None:
    """Write a random network and measure how it is loaded."""
    from synthesis.networks import random_tensors
    from synthesis.seeds import SEEDS, VARIANTS

    from alexnet_cy.network import get_variant

    name = VARIANTS[encoding][0]
    path = SEEDS[encoding](directory, get_variant(name), random_tensors(name))
    measure("twice", path, 1)
    twice, loaded = [], []
    for _ in range(repeats):  # in turn, so that a busy moment meets both
        twice += measure("twice", path, 1)
        loaded += measure("load", path, 1)
    (conv5,) = measure("conv5", path, 1)
    row = (
        encoding,
        name,
        f"{path.stat().st_size / 1e6:.0f}",
        spread([one["ms"] for one in twice], 0),
        spread([one["first_ms"] for one in loaded], 0),
        spread([one["ms"] for one in loaded], 0),
        spread([one["cpu_ms"] for one in twice], 0),
        spread([one["cpu_ms"] for one in loaded], 0),
        spread([one["pass_ms"] for one in loaded], 0),
        spread([one["first_peak"] for one in loaded], 2),
        spread([one["peak"] for one in loaded], 2),
        f"{100 * conv5['part']:.1f} %",
    )
    print(f"| {' | '.join(row)} |", flush=True)
    path.unlink()


def main() -> int:
    """Run the script."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=7, help="processes for each figure (7)")
    parser.add_argument("--encoding", action="append", help="of tests/weights/synthesis/seed_*.py")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        what, path = options.measure
        print(json.dumps(MEASUREMENTS[what](Path(path))))
        return 0
    head = (
        "encoding | network | MB | read twice, ms | first, ms | ready, ms | read twice, CPU ms | "
        "ready, CPU ms | pass, ms | first peak | peak | conv5 reads"
    )
    print(f"| {head} |\n|{'---|' * 12}", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        for encoding in options.encoding or MAIN_ENCODINGS:
            print_row(Path(directory), encoding, options.repeats)
    return 0


if __name__ == "__main__":
    sys.exit(main())
