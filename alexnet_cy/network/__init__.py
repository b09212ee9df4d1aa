"""The networks as data: kinds of layer, the named variants, the names of the values inside them."""

from alexnet_cy.network.architecture import LayerShapes, Variant
from alexnet_cy.network.names import feature_names, is_flat_name, layer_of_feature, resolve_layer
from alexnet_cy.network.specs import (
    LRN,
    AdaptiveAvgPool,
    Conv,
    Layer,
    Linear,
    MaxPool,
    Shape,
    Softmax,
    shape_text,
)
from alexnet_cy.network.variants import VARIANTS, get_variant

__all__ = [
    "LRN",
    "VARIANTS",
    "AdaptiveAvgPool",
    "Conv",
    "Layer",
    "LayerShapes",
    "Linear",
    "MaxPool",
    "Shape",
    "Softmax",
    "Variant",
    "feature_names",
    "get_variant",
    "is_flat_name",
    "layer_of_feature",
    "resolve_layer",
    "shape_text",
]
