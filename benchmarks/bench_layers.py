"""Times every layer beside NumPy: `alexnet-cy bench` under another name, for a checkout.

Run `python benchmarks/bench_layers.py --help`; benchmarks/README.md explains the figures.
"""

from __future__ import annotations

import sys

from alexnet_cy.cli import main

if __name__ == "__main__":
    sys.exit(main(["bench", *sys.argv[1:]]))
