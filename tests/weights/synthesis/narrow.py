"""Networks with the settings of the full-size ones and a few channels: quick to run anywhere."""

from __future__ import annotations

from dataclasses import replace

from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.specs import Conv, Linear
from alexnet_cy.network.variants import get_variant

_CHANNELS = {"conv1": 6, "conv2": 8, "conv3": 10, "conv4": 8, "conv5": 6}
_FEATURES = {"fc6": 20, "fc7": 16, "fc8": 7}


def narrow(name: str) -> Variant:
    """Return a variant of about 12,000 parameters."""
    variant = get_variant(name)
    layers = []
    for layer in variant.layers:
        if isinstance(layer, Conv):
            layers.append(replace(layer, out_channels=_CHANNELS[layer.name]))
        elif isinstance(layer, Linear):
            layers.append(replace(layer, out_features=_FEATURES[layer.name]))
        else:
            layers.append(layer)
    return replace(variant, layers=tuple(layers))
