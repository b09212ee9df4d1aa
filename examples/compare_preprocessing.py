"""Show how much the usual mistakes in preprocessing change the answer for one photograph.

python examples/compare_preprocessing.py cat.jpg --weights bvlc_alexnet.caffemodel
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from alexnet_cy import AlexNet
from alexnet_cy.images import PRESETS


def main() -> None:
    """Run one photograph through variations of the variant's own preset."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photo")
    parser.add_argument("--weights", help="a weight file; without it the weights are random")
    arguments = parser.parse_args()

    net = AlexNet.load(arguments.weights) if arguments.weights else AlexNet.random()
    right = PRESETS[net.variant.preset]
    other_order = "RGB" if right.channel_order == "BGR" else "BGR"
    no_mean = (0.0, 0.0, 0.0)
    variations = {
        "as trained": right,
        f"{other_order} for {right.channel_order}": replace(right, channel_order=other_order),
        "no mean": replace(right, mean=no_mean),
        "pixels 0 to 1, no mean": replace(right, mean=no_mean, divisor=255.0),
        "aspect ratio kept": replace(right, resize="short-side"),
    }

    reference = net.forward(net.preprocess(arguments.photo, right))[0]
    print(f"{'preprocessing':24} {'moved':>6}  first answer")
    for name, preset in variations.items():
        probabilities = net.forward(net.preprocess(arguments.photo, preset))[0]
        moved = abs(probabilities - reference).sum() / 2  # the probability that lies elsewhere
        best = net.classify(arguments.photo, top=1, preset=preset)[0]
        print(f"{name:24} {moved:6.1%}  {best.label} ({best.probability:.2f})")


if __name__ == "__main__":
    main()
