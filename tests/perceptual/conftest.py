"""LPIPS with random convolutions."""

import pytest
from support.perceptual import random_trunk

from alexnet_cy.perceptual import LPIPS


@pytest.fixture(scope="session")
def trunk():
    return random_trunk(0)


@pytest.fixture(scope="session")
def metric(trunk):
    return LPIPS(trunk)
