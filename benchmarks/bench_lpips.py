"""LPIPS beside the package lpips: milliseconds a pair, and the memory at its peak.

Both get the same random convolutions, the same linear weights and the same arrays of floats, each
in a process of its own. They take turns, the order reversed each time; medians count. Before any
time is shown, the distances are compared. Needs torch, torchvision and lpips beside alexnet_cy.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONTENDERS = ("alexnet_cy", "lpips")

# Differences of distances that are still agreement.
TOLERANCE = 1e-5

Images = NDArray[np.float32]
Compare = Callable[[Images, Images], NDArray[np.floating[Any]]]


def main(argv: list[str] | None = None) -> int:
    """Time, compare and print; return 1 if the contenders disagree, else 0."""
    args = parse(argv)
    workers = {name: Worker(name, args.size, args.threads) for name in CONTENDERS}
    results = [measure(workers, batch, args.rounds, args.seconds) for batch in args.batch]
    for worker in workers.values():
        worker.close()
    worst = max(result["difference"] for result in results)
    summary = {
        "size": args.size,
        "threads": args.threads,
        "versions": {name: worker.version for name, worker in workers.items()},
        "results": results,
    }
    if args.json:
        print(json.dumps(summary, indent=2))
    else:
        print_table(summary)
    if worst > TOLERANCE:
        print(f"the distances differ by {worst:.2g}, allowed {TOLERANCE:g}", file=sys.stderr)
        return 1
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=256, help="pixels a side (default: 256)")
    parser.add_argument(
        "--batch", default="1,32", help="pairs of a call, separated by commas (default: 1,32)"
    )
    parser.add_argument("--threads", type=int, default=2, help="default: 2")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each (default: 7)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a turn (default: 0.5)")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    args = parser.parse_args(argv)
    try:
        args.batch = [int(text) for text in args.batch.split(",")]
    except ValueError:
        parser.error(f"--batch: need whole numbers, got {args.batch!r}")
    if min(*args.batch, args.threads, args.rounds) < 1 or args.size < 31:
        parser.error("--batch, --threads and --rounds: at least 1; --size: at least 31")
    return args


class Worker:
    """A contender in a process of its own, which answers line by line."""

    def __init__(self, name: str, size: int, threads: int) -> None:
        command = [sys.executable, str(Path(__file__).resolve()), "--worker", name]
        self._process = subprocess.Popen(
            [*command, str(size), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = self._answer()

    def ask(self, batch: int, seconds: float) -> dict[str, Any]:
        """Return the times of a turn in milliseconds a pair, the distances and the peak."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([batch, seconds]) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = self._answer()
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a contender ended; its message is above")
        return json.loads(line)


def measure(workers: dict[str, Worker], batch: int, rounds: int, seconds: float) -> dict[str, Any]:
    """Let the contenders take turns; return what is known of a batch."""
    times: dict[str, list[float]] = {name: [] for name in workers}
    answers: dict[str, dict[str, Any]] = {}
    for turn in range(rounds):
        for name in list(workers)[:: 1 if turn % 2 else -1]:
            answers[name] = workers[name].ask(batch, seconds)
            times[name] += answers[name]["ms"]
    distances = [np.array(answers[name]["distances"]) for name in workers]
    return {
        "batch": batch,
        "ms": {name: median(of_one) for name, of_one in times.items()},
        "min_ms": {name: min(of_one) for name, of_one in times.items()},
        "peak_mb": {name: answers[name]["peak_mb"] for name in workers},
        "difference": float(np.abs(distances[0] - distances[1]).max()),
    }


def print_table(summary: dict[str, Any]) -> None:
    """Print a line for every batch."""
    versions = ", ".join(f"{name} {version}" for name, version in summary["versions"].items())
    print(f"{summary['size']} x {summary['size']}, {summary['threads']} threads; {versions}")
    print("batch  ms a pair: ours  lpips  times  (fastest)  peak MB: ours  lpips")
    for result in summary["results"]:
        ours, theirs = result["ms"].values()
        best, their_best = result["min_ms"].values()
        peak, their_peak = result["peak_mb"].values()
        print(
            f"{result['batch']:5d} {ours:16.2f} {theirs:6.2f} {theirs / ours:6.2f} "
            f"{their_best / best:10.2f} {peak:14.0f} {their_peak:6.0f}"
        )


def work(name: str, size: int, threads: int) -> None:
    """Answer for one contender until the input ends."""
    version, compare = (ours if name == "alexnet_cy" else theirs)(threads)
    print(json.dumps(version), flush=True)
    images: dict[int, tuple[Images, Images]] = {}
    for line in sys.stdin:
        batch, seconds = json.loads(line)
        if batch not in images:
            rng = np.random.default_rng(batch)
            a = rng.uniform(-1, 1, (batch, 3, size, size)).astype(np.float32)
            b = (0.7 * a + rng.uniform(-0.3, 0.3, a.shape)).astype(np.float32)
            images[batch] = a, b
            compare(a, b)
        distances = compare(*images[batch])  # does not count: wakes the threads
        times = []
        ends = perf_counter() + seconds
        while not times or perf_counter() < ends:
            began = perf_counter()
            compare(*images[batch])
            times.append(1e3 * (perf_counter() - began) / batch)
        answer = {"ms": times, "distances": distances.tolist(), "peak_mb": peak_mb()}
        print(json.dumps(answer), flush=True)


def ours(threads: int) -> tuple[str, Compare]:
    """Return the version of this package, and its LPIPS."""
    from alexnet_cy import LPIPS, __version__

    metric = LPIPS(random_trunk())

    def compare(a: Images, b: Images) -> NDArray[np.float64]:
        return np.asarray(metric(a, b, data_range=(-1, 1), threads=threads))

    return __version__, compare


def theirs(threads: int) -> tuple[str, Compare]:
    """Return the versions of lpips and torch, and its LPIPS."""
    import warnings
    from importlib.metadata import version

    import lpips
    import torch

    torch.set_num_threads(threads)
    warnings.simplefilter("ignore")
    metric = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    trunk = random_trunk()
    with torch.no_grad():
        names = ("slice1.0", "slice2.3", "slice3.6", "slice4.8", "slice5.10")
        for number, name in enumerate(names, 1):
            layer = metric.net.get_submodule(name)
            layer.weight.copy_(torch.from_numpy(trunk[f"conv{number}.weight"]))
            layer.bias.copy_(torch.from_numpy(trunk[f"conv{number}.bias"]))

    def compare(a: Images, b: Images) -> NDArray[np.float32]:
        with torch.inference_mode():
            distance: NDArray[np.float32] = metric(torch.from_numpy(a), torch.from_numpy(b)).numpy()
        return distance.ravel()

    return f"{version('lpips')} (torch {torch.__version__})", compare


def random_trunk() -> dict[str, NDArray[np.float32]]:
    """Draw the weights of the convolutions."""
    from alexnet_cy.network.random_weights import random_tensors
    from alexnet_cy.perceptual.trunk import trunk_variant

    return {name: tensor.read() for name, tensor in random_tensors(trunk_variant(), 0).items()}


def peak_mb() -> float:
    """Return the most memory that the process has had, in megabytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2], *map(int, sys.argv[3:]))
        sys.exit(0)
    sys.exit(main())
