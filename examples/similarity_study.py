"""Representational similarity: how alike the layers of a network see a set of images.

python examples/similarity_study.py stimuli/*.png --weights alexnet.pth
"""

from __future__ import annotations

import argparse

from alexnet_cy import AlexNet
from alexnet_cy.rsa import cka, compare, rdm

LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7")


def main() -> None:
    """Compare every layer with the last one: the order of dissimilarities, and CKA."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("images", nargs="+", help="four or more")
    parser.add_argument("--weights", help="a weight file; without it the weights are random")
    arguments = parser.parse_args()
    if len(arguments.images) < 4:
        parser.error("need four images or more: the unbiased CKA is not defined for fewer")

    net = AlexNet.load(arguments.weights) if arguments.weights else AlexNet.random()
    features = net.features(arguments.images, LAYERS)  # one pass for all layers
    last = LAYERS[-1]
    matrix = rdm(features[last])  # 1 - Pearson's r of every two images; of any other source, too
    print(f"with {last}   Spearman's rho   CKA")
    for layer in LAYERS:
        rho = compare(rdm(features[layer]), matrix, "spearman")
        alignment = cka(features[layer], features[last], unbiased=True)
        print(f"{layer:8} {rho:16.3f} {alignment:6.3f}")


if __name__ == "__main__":
    main()
