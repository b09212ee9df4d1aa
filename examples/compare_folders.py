"""How different do the images of two folders look? LPIPS, pair by pair.

python examples/compare_folders.py outputs/ references/ --weights trunk.safetensors
"""

from __future__ import annotations

import argparse
import sys

from alexnet_cy import LPIPS, AlexNet
from alexnet_cy.perceptual.folders import pair_folders
from alexnet_cy.perceptual.statistics import mean_and_error


def main() -> None:
    """Pair the images by their names, compare, and print the mean."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("a")
    parser.add_argument("b")
    parser.add_argument(
        "--weights", help="torchvision's AlexNet; without it the weights are random"
    )
    arguments = parser.parse_args()

    metric = LPIPS(arguments.weights or random_trunk())
    pairs = pair_folders(arguments.a, arguments.b)
    for path in pairs.unpaired:
        print(f"unpaired: {path}", file=sys.stderr)
    distances = []
    # A pair at a time, so that any number of images fits, and a bad one does not end it.
    results = metric.iter_compare(pairs.a, pairs.b)
    for name, result in zip(pairs.names, results, strict=True):
        if result.comparison is None:
            print(f"{name}: {result.error}", file=sys.stderr)
            continue
        print(f"{result.comparison.distance:.4f}  {name}")
        distances.append(result.comparison.distance)
    mean, error = mean_and_error(distances)
    print(f"mean {mean:.4f}" + ("" if error is None else f" +/- {error:.4f}"))


def random_trunk() -> dict[str, object]:
    """Return the convolutions of a random network: for a trial, the distances mean nothing."""
    weights = AlexNet.random("torchvision").weights
    return {name: weights[name] for name in weights if name.startswith("conv")}


if __name__ == "__main__":
    main()
