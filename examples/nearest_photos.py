"""For every photograph, find the photographs that look most alike to the network.

python examples/nearest_photos.py photos/*.jpg --weights alexnet.pth --layer fc7
"""

from __future__ import annotations

import argparse

from alexnet_cy import AlexNet
from alexnet_cy.rsa import nearest


def main() -> None:
    """Compare the features of all photographs by the cosine of their angle."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--weights", help="a weight file; without it the weights are random")
    parser.add_argument("--layer", default="fc7")
    parser.add_argument("--neighbours", type=int, default=2)
    arguments = parser.parse_args()

    photos = arguments.photos
    net = AlexNet.load(arguments.weights) if arguments.weights else AlexNet.random()
    near = nearest(net.features(photos, arguments.layer), arguments.neighbours)
    for photo, indices, distances in zip(photos, near.indices, near.distances, strict=True):
        pairs = zip(indices, distances, strict=True)
        print(f"{photo}: " + ", ".join(f"{photos[i]} ({1 - away:.3f})" for i, away in pairs))


if __name__ == "__main__":
    main()
