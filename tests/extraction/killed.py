"""Write features in a process of its own, for a test that kills it: ``killed.py IMAGES OUTPUT``."""

import sys

from support.networks import narrow, random_weights

import alexnet_cy.extraction.unfinished
import alexnet_cy.images.batches
from alexnet_cy import AlexNet

# Many batches and commits, so that a kill falls into any of their steps.
alexnet_cy.extraction.unfinished.COMMIT_EVERY_S = 0.0
alexnet_cy.images.batches.VIEWS_AT_A_TIME = 4

if __name__ == "__main__":
    images, output = sys.argv[1:]
    network = AlexNet(narrow("plain"), random_weights(narrow("plain")))
    network.write_features(images, output, ["conv1", "pool1"], pool="max", dtype="float16")
