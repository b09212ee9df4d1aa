"""Parts of a network: its layers up to one of them."""

from __future__ import annotations

from dataclasses import replace

from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.names import layer_of_feature, resolve_layer
from alexnet_cy.network.recognition import recognise

__all__ = ["part_until"]


def part_until(variant: Variant, layer: str) -> Variant:
    """Return the network that ends with a layer.

    Parameters
    ----------
    variant : Variant
    layer : str
        A name of a value inside the network, such as "conv5"; its layer is the last.

    Returns
    -------
    Variant
        Called after the nearest named network.

    Raises
    ------
    ValueError
        There is no such layer.
    """
    last = layer_of_feature(resolve_layer(variant, layer))
    end = [step.name for step in variant.layers].index(last) + 1
    return recognise(replace(variant, layers=variant.layers[:end]))
