"""Opens all files of hostile corpora, each within 5 seconds, all within 512 MB.

    python confined.py NETWORK MODULE...

NETWORK is a key of `networks.TINY`; each MODULE has a dict ``CORPUS`` whose values begin with the
bytes of a file. The exit code is 0 if every file is a network or a WeightsError. A file that takes
longer ends the process by SIGALRM; its name was printed last.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from importlib import import_module
from pathlib import Path

if "synthesis" not in sys.modules:  # as a program of its own, not as a part of the tests
    sys.path.insert(0, str(Path(__file__).parents[1]))

from synthesis.hostile.outcomes import read_all
from synthesis.networks import TINY

MAX_SECONDS = 5
MAX_BYTES = 512_000_000


def peak_bytes() -> int:
    """Return the most address space that the process has had, touched or not."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmPeak"))


def main(network: str, modules: list[str]) -> int:
    corpora = [import_module(f"synthesis.{module}").CORPUS for module in modules]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "hostile"
        before_bytes = None
        for corpus in corpora:
            for what, (data, *_) in corpus.items():
                print(what, flush=True)
                path.write_bytes(data)
                signal.alarm(MAX_SECONDS)
                read_all(path, TINY[network])
                signal.alarm(0)
                # The libraries that the first file needs are loaded now.
                before_bytes = before_bytes or peak_bytes()
    grown_bytes = peak_bytes() - (before_bytes or 0)
    print(f"{grown_bytes} bytes more at the peak")
    return 0 if grown_bytes < MAX_BYTES else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
