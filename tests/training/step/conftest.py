"""Networks that learn quickly."""

from dataclasses import replace

import pytest
from support.networks import narrow

from alexnet_cy.network import Conv

THIN = {64: 16, 96: 16, 192: 32, 256: 32, 384: 48}


def thin(name, classes=11):
    """A variant with few channels, and few neurons: all its shapes and a twentieth of its work."""
    variant = narrow(name, classes=classes)
    layers = tuple(
        replace(layer, out_channels=THIN[layer.out_channels]) if isinstance(layer, Conv) else layer
        for layer in variant.layers
    )
    return replace(variant, layers=layers)


@pytest.fixture(scope="session")
def thin_variant():
    return thin
