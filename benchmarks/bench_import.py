"""The cost of `import alexnet_cy` beyond NumPy's own import, and which modules cost it.

Every round is a fresh interpreter that imports NumPy first, so that what is left is ours; the times
are those of `python -X importtime`, which itself makes imports a little slower. The bytecode lies
in a folder of this run, so that it is there whatever PYTHONDONTWRITEBYTECODE says.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from statistics import median

CODE = "import numpy; import alexnet_cy"

# Modules listed, the dearest first.
LISTED = 10


def main(argv: list[str] | None = None) -> int:
    """Measure, print; return 1 if the limit is passed, else 0."""
    args = parse(argv)
    with tempfile.TemporaryDirectory() as folder:
        import_once(folder)  # writes the bytecode files and fills the system's cache
        rounds = [import_once(folder) for _ in range(args.rounds)]
    ours_ms = [cumulative["alexnet_cy"] / 1000 for cumulative, _ in rounds]
    numpys_ms = [cumulative["numpy"] / 1000 for cumulative, _ in rounds]
    modules = dearest_modules([own for _, own in rounds])
    result = {
        "rounds": args.rounds,
        "python": sys.version.split()[0],
        "alexnet_cy_ms": {"median": median(ours_ms), "min": min(ours_ms)},
        "numpy_ms": {"median": median(numpys_ms), "min": min(numpys_ms)},
        "own_ms": modules,
    }
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"import numpy       {median(numpys_ms):7.1f} ms, at least {min(numpys_ms):.1f}")
        print(
            f"import alexnet_cy  {median(ours_ms):7.1f} ms, at least {min(ours_ms):.1f}, after it"
        )
        print(f"of that, medians of {args.rounds} rounds:")
        for name, milliseconds in modules.items():
            print(f"  {milliseconds:6.2f} ms  {name}")
    if args.limit_ms is not None and min(ours_ms) > args.limit_ms:
        print(f"alexnet_cy takes {min(ours_ms):.1f} ms, limit {args.limit_ms:g}", file=sys.stderr)
        return 1
    return 0


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="interpreters (default: 10)")
    parser.add_argument(
        "--limit-ms", type=float, help="exit with 1 if the fastest round takes longer"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error("--rounds must be at least 1")
    return args


def import_once(bytecode_folder: str) -> tuple[dict[str, int], dict[str, int]]:
    """Import in a fresh interpreter; return microseconds by module, of ours in the second.

    The first dict has the cumulative times of all modules, the second the own times of those that
    alexnet_cy brought.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode_folder}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", CODE],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    cumulative: dict[str, int] = {}
    own: dict[str, int] = {}
    numpy_is_done = False
    for line in run.stderr.splitlines():
        own_text, cumulative_text, name = line.removeprefix("import time:").split("|")
        if not own_text.strip().isdigit():
            continue  # the header
        # Modules are listed when they are finished, those that they import before them.
        cumulative[name.strip()] = int(cumulative_text)
        if numpy_is_done:
            own[name.strip()] = int(own_text)
        numpy_is_done = numpy_is_done or name.strip() == "numpy"
    return cumulative, own


def dearest_modules(rounds: list[dict[str, int]]) -> dict[str, float]:
    """Return the medians of the modules' own times in milliseconds, the dearest first."""
    medians = {name: median(own.get(name, 0) for own in rounds) / 1000 for name in rounds[0]}
    dearest = sorted(medians.items(), key=lambda item: -item[1])
    return dict(dearest[:LISTED])


if __name__ == "__main__":
    sys.exit(main())
