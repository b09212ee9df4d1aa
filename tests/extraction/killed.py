"""Write features in a process of its own, for a test that kills it: ``killed.py IMAGES OUTPUT``."""

import sys

from support.networks import narrow, random_weights

import alexnet_cy.extraction.unfinished
from alexnet_cy import AlexNet

alexnet_cy.extraction.unfinished.COMMIT_EVERY_S = 0.02

if __name__ == "__main__":
    images, output = sys.argv[1:]
    network = AlexNet(narrow("torchvision"), random_weights(narrow("torchvision")))
    network.write_features(images, output, ["conv5", "fc7"], dtype="float16")
