"""Damage files of every format and see that each gives a network or a WeightsError.

    .ci/mutations FORMAT COUNT FIRST        for example: .ci/mutations hdf5 20000

Every other file is of ordinary kernels and opened as users do it, without a variant; the rest are
small and opened as the variant that they are. Printed, for each format, is how many files were
loaded and refused, the slowest in milliseconds, and the growth of the process's address space.
Faults are: another exception, more than 5 seconds or 512 MB for a file, or code that runs (an audit
event that the reading of an undamaged file does not have). A fault is printed with the number that
makes the file again (``--only``) and makes the exit status 1; a file that takes more than 60
seconds ends the script with a traceback. The tests run the same with a few dozen.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import pkgutil
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from synthesis.confined import MAX_BYTES, MAX_SECONDS, peak_bytes
from synthesis.hostile.audit import watched
from synthesis.hostile.mutations import mutate
from synthesis.hostile.outcomes import read_all
from synthesis.narrow import narrow
from synthesis.networks import TINY, random_tensors
from synthesis.seeds import SEEDS, VARIANTS

import alexnet_cy.weights
from alexnet_cy.weights.detect import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


HANG_SECONDS = 60

# Besides the opening of the file: NumPy parses the header of an array by ast.literal_eval, which
# compiles and runs nothing; h5py looks at the identity of its objects.
_HARMLESS = frozenset({"compile", "builtins.id"})
# Their files tell no shapes, or these networks are no named ones.
_ONLY_TINY = ("darknet-", "deep-compression-", "hdf5-heuritech")


@dataclass
class Result:
    """What came of the damaged files of one encoding."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    faults: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Result) -> None:
        """Take in what came of another encoding."""
        self.outcomes += other.outcomes
        self.slowest_s = max(self.slowest_s, other.slowest_s)


def fuzz(encoding: str, numbers: Sequence[int], directory: Path) -> Result:
    """Write files of an encoding and open damaged copies of them.

    Parameters
    ----------
    encoding : str
        A key of `SEEDS`.
    numbers : sequence of int
        One damaged file for each; the same number gives the same file.
    directory : Path
        Where the files are written.
    """
    name = VARIANTS[encoding][0]
    networks = [TINY[name], TINY[name] if encoding.startswith(_ONLY_TINY) else narrow(name)]
    originals = []
    for network in networks:
        path = SEEDS[encoding](directory, network, random_tensors(network))
        originals.append(path.read_bytes())
        read_all(path, network)  # imports what the libraries need
    _import_all()
    path = directory / "damaged"
    result = Result()
    for number in numbers:
        # The encodings of a format take turns with the numbers, so their parity says nothing.
        generator = random.Random(f"{encoding} {number}")
        is_plain = generator.random() < 0.5
        path.write_bytes(mutate(originals[is_plain], generator))
        before_bytes, start = peak_bytes(), time.perf_counter()
        try:
            with watched() as events:
                loaded = read_all(path, None if is_plain else networks[0]) is not None
            result.outcomes["loaded" if loaded else "refused"] += 1
        except Exception:
            result.faults.append((number, traceback.format_exc()))
        elapsed_s = time.perf_counter() - start
        result.slowest_s = max(result.slowest_s, elapsed_s)
        result.faults += [(number, what) for what in _excesses(path, events)]
        if elapsed_s > MAX_SECONDS:
            result.faults.append((number, f"took {elapsed_s:.1f} s"))
        if peak_bytes() - before_bytes > MAX_BYTES:
            result.faults.append((number, f"took {peak_bytes() - before_bytes} bytes"))
    return result


@cache
def _import_all() -> None:
    """Import every reader, which damage may call for: importing runs code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a former name is among them
        for module in pkgutil.walk_packages(alexnet_cy.weights.__path__, "alexnet_cy.weights."):
            importlib.import_module(module.name)


def _excesses(path: Path, events: Iterable[tuple[str, object]]) -> Iterator[str]:
    """Yield what no reading of weights does."""
    for event, subject in events:
        is_codec = event == "import" and str(subject).startswith("encodings.")
        is_file = event == "open" and subject == str(path)
        if event not in _HARMLESS and not is_codec and not is_file:
            yield f"audit event {event}: {str(subject)[:200]}"


def _fuzz_format(name: str, encodings: list[str], numbers: range, only: int | None) -> bool:
    """Print a line for one format and tell whether there was no fault."""
    _import_all()
    before_bytes = peak_bytes()
    total = Result()
    for place, encoding in enumerate(encodings):
        chosen = numbers[place :: len(encodings)] if only is None else [only]
        with tempfile.TemporaryDirectory() as directory:
            faulthandler.dump_traceback_later(HANG_SECONDS + 0.05 * len(chosen), exit=True)
            result = fuzz(encoding, chosen, Path(directory))
            faulthandler.cancel_dump_traceback_later()
        total.add(result)
        for number, fault in result.faults:
            print(f"{encoding}, file {number}:\n{fault}")
            total.faults.append((number, fault))
    print(
        f"{name}: {len(numbers)} damaged files in {len(encodings)} encodings: "
        f"{total.outcomes['loaded']} loaded, {total.outcomes['refused']} refused, "
        f"{len(total.faults)} faults; slowest {1e3 * total.slowest_s:.1f} ms, "
        f"memory +{(peak_bytes() - before_bytes) / 1e6:.0f} MB"
    )
    return not total.faults


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script; 1 if there was any fault."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "format",
        nargs="?",
        default="",
        help="only the encodings whose name begins so, such as npy or npy-lists",
    )
    parser.add_argument(
        "count", nargs="?", type=int, default=20_000, help="damaged files of each format (20000)"
    )
    parser.add_argument(
        "first", nargs="?", type=int, default=0, help="the number of the first file (0)"
    )
    parser.add_argument("--only", type=int, help="the number of one damaged file")
    options = parser.parse_args(arguments)
    by_format: dict[str, list[str]] = {}
    for encoding in SEEDS:
        if encoding.startswith(options.format):
            name = next(known.name for known in FORMATS if encoding.startswith(f"{known.name}-"))
            by_format.setdefault(name, []).append(encoding)
    if not by_format:
        parser.error(f"format: the encodings are {', '.join(SEEDS)}")
    numbers = range(options.first, options.first + options.count)
    sound = [
        _fuzz_format(name, encodings, numbers, options.only)
        for name, encodings in by_format.items()
    ]
    return 0 if all(sound) else 1


if __name__ == "__main__":
    sys.exit(main())
