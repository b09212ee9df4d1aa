"""For every photograph, find the photographs that look most alike to the network.

python examples/nearest_photos.py photos/*.jpg --weights alexnet.pth --layer fc7
"""

from __future__ import annotations

import argparse

import numpy as np

from alexnet_cy import AlexNet


def main() -> None:
    """Compare the features of all photographs by the cosine of their angle."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", nargs="+")
    parser.add_argument("--weights", help="a weight file; without it the weights are random")
    parser.add_argument("--layer", default="fc7")
    parser.add_argument("--neighbours", type=int, default=2)
    arguments = parser.parse_args()

    net = AlexNet.load(arguments.weights) if arguments.weights else AlexNet.random()
    features = net.features(arguments.photos, arguments.layer)
    vectors = features.reshape(len(features), -1).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-30
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)  # a photograph is no neighbour of its own

    for photo, row in zip(arguments.photos, cosines, strict=True):
        nearest = np.argsort(-row)[: min(arguments.neighbours, len(row) - 1)]
        found = ", ".join(f"{arguments.photos[j]} ({row[j]:.3f})" for j in nearest)
        print(f"{photo}: {found}")


if __name__ == "__main__":
    main()
