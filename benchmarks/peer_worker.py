"""One contender in a process of its own; bench_peers.py starts it and talks to it.

Commands come as lines of JSON on standard input, an answer goes as a line of JSON to standard
output for each. The framework's own prints go to standard error.

- ``{"do": "prepare"}``: convert the network, once for all processes that follow;
- ``{"do": "load", "batch": 4}``: load it, run it, compare with the oracle;
- ``{"do": "burst", "seconds": 0.5, "passes": 3}``: time passes, so long or so many at least.

An answer is ``{"unavailable": reason}`` where the framework is not there or cannot do it. How soon
the answer to the first "load" comes is the time to first result: so nothing is imported before its
time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from peers.interface import Forward, NetworkFolder, Unavailable
from peers.registry import find_peer


class Contender:
    """A framework with the network loaded for one batch."""

    def __init__(self, name: str, folder: NetworkFolder, threads: int) -> None:
        self.name, self.folder, self.threads = name, folder, threads
        self.module = find_peer(name).load_module()
        self.forward: Forward | None = None
        self.images: Any = None

    def prepare(self, command: dict[str, Any]) -> dict[str, object]:
        """Convert the network; answer with the framework's version."""
        version = self.module.version()
        self.module.prepare(self.name, self.folder)
        return {"version": version}

    def load(self, command: dict[str, Any]) -> dict[str, object]:
        """Load for a batch, forget the one before, run once, compare."""
        import numpy as np

        batch = command["batch"]
        self.forward = None
        self.images = np.array(np.load(self.folder.images, mmap_mode="r")[:batch])
        self.forward = self.module.load(self.name, self.folder, batch, self.threads)
        probabilities = self.forward(self.images)
        expected = np.load(self.folder.expected)[:batch]
        if probabilities.shape != expected.shape:
            raise Unavailable(f"gives {probabilities.shape}, not {expected.shape}")
        error = float(np.abs(probabilities - expected).max() / expected.max())
        if not np.isfinite(error):
            raise Unavailable("gives probabilities that are not finite")
        return {"error": error}

    def burst(self, command: dict[str, Any]) -> dict[str, object]:
        """Time passes, after one that does not count; answer with the milliseconds of each."""
        assert self.forward is not None
        self.forward(self.images)
        times_ms: list[float] = []
        while len(times_ms) < command["passes"] or sum(times_ms) < 1000 * command["seconds"]:
            started = perf_counter()
            self.forward(self.images)
            times_ms.append(1000 * (perf_counter() - started))
        return {"times_ms": times_ms}

    def peak(self, command: dict[str, Any]) -> dict[str, object]:
        """Answer with the most memory that the process has held, in bytes."""
        return {"peak_bytes": peak_bytes()}

    def answer(self, command: dict[str, Any]) -> dict[str, object]:
        """Do what a command says."""
        actions = {
            "prepare": self.prepare,
            "load": self.load,
            "burst": self.burst,
            "peak": self.peak,
        }
        try:
            return actions[command["do"]](command)
        except (Unavailable, ImportError) as reason:
            return {"unavailable": str(reason)}
        except Exception as error:  # any framework's own: one contender's failure is no other's
            return {"unavailable": f"failed: {type(error).__name__}: {error}"}


def peak_bytes() -> int:
    """Return the most resident memory of this process, in bytes.

    Linux's VmHWM begins anew with the program; getrusage's ru_maxrss, the fallback, does not: it
    starts from what the parent had when it forked.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return 1024 * int(line.split()[1])
    except OSError:
        pass
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Answer commands until there are no more."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer")
    parser.add_argument("folder", type=Path)
    parser.add_argument("variant")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--processors", type=lambda text: [int(part) for part in text.split(",")])
    args = parser.parse_args()
    if args.processors and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, args.processors)
    # Answers have the old standard output to themselves; whatever prints, prints to the error's.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    contender = Contender(args.peer, NetworkFolder(args.folder, args.variant), args.threads)
    for line in sys.stdin:
        answers.write(json.dumps(contender.answer(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
