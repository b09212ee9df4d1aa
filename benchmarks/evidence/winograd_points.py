"""Sets of points and how much they amplify the rounding errors of Winograd's products.

    python benchmarks/evidence/winograd_points.py            the points in use, and others
    python benchmarks/evidence/winograd_points.py --search   the best of a family, in 15 s

For inputs and weights that are independent and of mean zero, the rounding errors of the products of
F(m, r), carried through the output transform, have the variance of those of direct convolution over
the same channels times

    k_p k_q,    k_p = 1 / r * sum over points i of A^T[p, i]^2 |G[i]|^2 |B^T[i]|^2

for the output (p, q) of a tile, |.| the Euclidean norm of a row; so the rms error of a tile grows
by the mean of k_p over its outputs, and that of its worst output by the largest k_p
(docs/numerics.md derives it). The search is among symmetric sets of multiples of 1/16: a, -a, b,
-b, c, -c and infinity for F(5, 3), and 0 as well for F(4, 5).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.engine.winograd import tile_points

Array = NDArray[np.float64]

# Small whole numbers and their inverses, as most programs have them.
USUAL = (0.0, 1.0, -1.0, 0.5, -2.0, 2.0, -0.5)

TILES = ((5, 3), (4, 3), (3, 3), (2, 3), (4, 5), (3, 5), (6, 2), (4, 4), (2, 6))

SIXTEENTHS = [Fraction(k, 16) for k in range(2, 48)]
BEST_SHOWN = 5


def main(argv: list[str] | None = None) -> int:
    """Print; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--search", action="store_true", help="search the family of symmetric sets")
    args = parser.parse_args(argv)
    print(f"{'':9}{'in use':>14}{'usual':>14}   mean and largest k_p")
    for outputs, taps in TILES:
        has_infinity, finite = tile_points(outputs, taps)
        row = [
            amplification(finite, outputs, taps, has_infinity=has_infinity),
            amplification(USUAL[: outputs + taps - 2], outputs, taps),
        ]
        cells = "".join(f"{k.mean():8.1f}{k.max():6.1f}" for k in row)
        print(f"F({outputs}, {taps})  {cells}")
    if args.search:
        for outputs, taps, always in ((5, 3, []), (4, 5, [0.0])):
            print(f"\nbest for F({outputs}, {taps}): a, b, c, mean and largest k_p")
            for abc, k in search(outputs, taps, always)[:BEST_SHOWN]:
                print(f"{', '.join(map(str, abc)):20}{k.mean():8.2f}{k.max():8.1f}")
    return 0


def amplification(
    points: Sequence[float], outputs: int, taps: int, *, has_infinity: bool = True
) -> Array:
    """Return k_p for every output p of a tile that takes these finite points, and infinity."""
    finite = np.array(points)
    differences = finite[:, np.newaxis] - finite
    np.fill_diagonal(differences, 1)
    # |G[i]|^2 |B^T[i]|^2 and column of A^T of every point; the scale 1 / N may stand in either
    norms, columns = [], []
    if has_infinity:
        norms.append(np.sum(np.poly(finite) ** 2))
        columns.append(np.arange(outputs) == outputs - 1)
    for i, point in enumerate(finite):
        g = point ** np.arange(taps)
        b_t = np.atleast_1d(np.poly(np.delete(finite, i))) / differences[i].prod()
        norms.append(np.sum(g**2) * np.sum(b_t**2))
        columns.append(point ** np.arange(outputs))
    k: Array = np.array(columns).T ** 2 @ np.array(norms) / taps
    return k


def search(
    outputs: int, taps: int, always: list[float]
) -> list[tuple[tuple[Fraction, ...], Array]]:
    """Return all sets of the family, those of the smallest mean amplification first."""
    found = []
    for a, b, c in combinations(SIXTEENTHS, 3):
        if a < 1 < c:
            points = [sign * float(p) for p in (a, b, c) for sign in (1, -1)]
            found.append(((a, b, c), amplification(points + always, outputs, taps)))
    return sorted(found, key=lambda entry: float(entry[1].mean()))


if __name__ == "__main__":
    sys.exit(main())
