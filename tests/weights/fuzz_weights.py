"""Damage files of every format and see that each gives a network or a WeightsError.

    python tests/weights/fuzz_weights.py --format npy --mutations 20000

prints, for each format, how many files were loaded and refused, the slowest in milliseconds, and
the growth of the process's memory. Another exception is printed with the number that makes the
file again (``--only``) and makes the exit status 1; a file that takes more than 60 seconds ends
the script with a traceback. The tests run the same with a few hundred.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from synthesis.mutations import mutate
from synthesis.networks import TINY, random_tensors
from synthesis.outcomes import read_all
from synthesis.seeds import SEEDS, VARIANTS

from alexnet_cy.weights.detect import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alexnet_cy.network.variants import Variant

HANG_SECONDS = 60


@dataclass
class Result:
    """What came of the damaged files of one encoding."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    faults: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Result) -> None:
        """Take in what came of another encoding."""
        self.outcomes += other.outcomes
        self.slowest_ms = max(self.slowest_ms, other.slowest_ms)


def fuzz(encoding: str, numbers: Sequence[int], directory: Path) -> Result:
    """Write one file of an encoding and open damaged copies of it.

    Parameters
    ----------
    encoding : str
        A key of `SEEDS`.
    numbers : sequence of int
        One damaged file for each; the same number gives the same file.
    directory : Path
        Where the files are written.
    """
    variant: Variant = TINY[VARIANTS[encoding][0]]
    original = SEEDS[encoding](directory, variant, random_tensors(variant)).read_bytes()
    path = directory / "damaged"
    result = Result()
    for number in numbers:
        path.write_bytes(mutate(original, random.Random(f"{encoding} {number}")))
        start = time.perf_counter()
        try:
            loaded = read_all(path, variant) is not None
            result.outcomes["loaded" if loaded else "refused"] += 1
        except Exception:
            result.faults.append((number, traceback.format_exc()))
        result.slowest_ms = max(result.slowest_ms, 1e3 * (time.perf_counter() - start))
    return result


def _peak_mb() -> float:
    """Return the most memory that the process has had, in MB; Linux counts it in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _fuzz_format(name: str, encodings: list[str], mutations: int, only: int | None) -> bool:
    """Print a line for one format and tell whether there was no fault."""
    before_mb = _peak_mb()
    total = Result()
    for place, encoding in enumerate(encodings):
        numbers = range(place, mutations, len(encodings)) if only is None else [only]
        with tempfile.TemporaryDirectory() as directory:
            faulthandler.dump_traceback_later(HANG_SECONDS + 0.05 * len(numbers), exit=True)
            result = fuzz(encoding, numbers, Path(directory))
            faulthandler.cancel_dump_traceback_later()
        total.add(result)
        for number, fault in result.faults:
            print(f"{encoding}, file {number}:\n{fault}")
            total.faults.append((number, fault))
    print(
        f"{name}: {total.outcomes.total() + len(total.faults)} damaged files in "
        f"{len(encodings)} encodings: {total.outcomes['loaded']} loaded, "
        f"{total.outcomes['refused']} refused, {len(total.faults)} faults; slowest "
        f"{total.slowest_ms:.1f} ms, memory +{_peak_mb() - before_mb:.1f} MB"
    )
    return not total.faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script; 1 if any file gave another exception."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--format", help="only the encodings whose name begins so, such as npy or npy-lists"
    )
    parser.add_argument(
        "--mutations", type=int, default=20_000, help="damaged files of each format (20000)"
    )
    parser.add_argument("--only", type=int, help="the number of one damaged file")
    options = parser.parse_args(arguments)
    by_format: dict[str, list[str]] = {}
    for encoding in SEEDS:
        if encoding.startswith(options.format or ""):
            name = next(known.name for known in FORMATS if encoding.startswith(f"{known.name}-"))
            by_format.setdefault(name, []).append(encoding)
    if not by_format:
        parser.error(f"--format: the encodings are {', '.join(SEEDS)}")
    sound = [
        _fuzz_format(name, encodings, options.mutations, options.only)
        for name, encodings in by_format.items()
    ]
    return 0 if all(sound) else 1


if __name__ == "__main__":
    sys.exit(main())
