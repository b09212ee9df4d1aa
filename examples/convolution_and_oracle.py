"""Compute one convolution with every algorithm, and compare each with its definition in float64.

python examples/convolution_and_oracle.py --channels 64 --size 27 --kernel 5
"""

from __future__ import annotations

import argparse

import numpy as np

from alexnet_cy import ops
from alexnet_cy.oracle import definitions


def main() -> None:
    """Print the largest and the rms error of each algorithm, and whether the bits depend on it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--filters", type=int, default=48)
    parser.add_argument("--size", type=int, default=13)
    parser.add_argument("--kernel", type=int, default=3)
    arguments = parser.parse_args()

    rng = np.random.default_rng(0)
    channels, filters, size = arguments.channels, arguments.filters, arguments.size
    x = rng.standard_normal((1, channels, size, size), np.float32)
    weight = rng.standard_normal((filters, channels, *[arguments.kernel] * 2), np.float32)
    bias = rng.standard_normal(filters, np.float32)
    padding = arguments.kernel // 2

    exact = definitions.conv2d(x, weight, bias, padding=padding)
    results = {
        name: ops.conv2d(x, weight, bias, padding=padding, algorithm=name)
        for name in ("direct", "im2col", "winograd")
    }
    print(f"{'algorithm':10} {'largest':>9} {'rms':>9}  same bits as direct")
    for name, y in results.items():
        largest = abs(y - exact).max() / abs(exact).max()
        rms = np.sqrt(np.mean((y - exact) ** 2)) / exact.std()
        same = "yes" if np.array_equal(y, results["direct"]) else "no"
        print(f"{name:10} {largest:9.1e} {rms:9.1e}  {same}")


if __name__ == "__main__":
    main()
