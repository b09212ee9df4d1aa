"""The named AlexNets, as data.

Four networks go by the name, and the weights of one are wrong in another even where they fit; three
more are here because so many people rebuilt the network without its groups, or without its
normalisation too. `caffe` is written out; each other one is `caffe` and what is different about it.
docs/variants.md weighs the sources against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from alexnet_cy.network.architecture import LayerShapes, Variant
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool, Softmax

__all__ = ["VARIANTS", "LayerShapes", "Variant", "get_variant"]

Layers = tuple[Layer, ...]


def _change(layers: Layers, name: str, **changes: Any) -> Layers:
    """Change settings of the layer called `name`."""
    return tuple(replace(layer, **changes) if layer.name == name else layer for layer in layers)


def _change_all(layers: Layers, kind: type[Layer], **changes: Any) -> Layers:
    """Change settings of every layer of one kind."""
    return tuple(
        replace(layer, **changes) if isinstance(layer, kind) else layer for layer in layers
    )


def _without(layers: Layers, kind: type[Layer]) -> Layers:
    """Leave out every layer of one kind."""
    return tuple(layer for layer in layers if not isinstance(layer, kind))


def _pool_before_norm(layers: Layers) -> Layers:
    """Swap every normalisation with the pooling that follows it."""
    swapped = list(layers)
    for i, layer in enumerate(layers):
        if isinstance(layer, LRN):
            swapped[i], swapped[i + 1] = layers[i + 1], layer
    return tuple(swapped)


def _insert_after(layers: Layers, name: str, inserted: Layer) -> Layers:
    """Insert a layer after the layer called `name`."""
    place = [layer.name for layer in layers].index(name) + 1
    return (*layers[:place], inserted, *layers[place:])


_CAFFE: Layers = (
    Conv("conv1", 96, (11, 11), stride=(4, 4)),
    LRN("norm1"),
    MaxPool("pool1"),
    Conv("conv2", 256, (5, 5), padding=((2, 2), (2, 2)), groups=2),
    LRN("norm2"),
    MaxPool("pool2"),
    Conv("conv3", 384, (3, 3), padding=((1, 1), (1, 1))),
    Conv("conv4", 384, (3, 3), padding=((1, 1), (1, 1)), groups=2),
    Conv("conv5", 256, (3, 3), padding=((1, 1), (1, 1)), groups=2),
    MaxPool("pool5"),
    Linear("fc6", 4096),
    Linear("fc7", 4096),
    Linear("fc8", 1000, relu=False),
    Softmax("prob"),
)

_UNGROUPED = _change_all(_CAFFE, Conv, groups=1)

# 224 pixels give the paper's 55 windows only if the last one may hang over by 3 pixels, as it may
# in cuda-convnet (layer.py: 1 + ceil((2 * padding + imgSize - filterSize) / stride)); zeros stand
# there.
_PAPER = _change_all(
    _change(_CAFFE, "conv1", padding=((0, 3), (0, 3))), LRN, k=2.0, divide_alpha_by_size=False
)

# SAME padding at 227 pixels: ceil(227 / 4) = 57 windows need 56 * 4 + 11 = 235 pixels, 4 more at
# each end. Pools of TensorFlow's VALID kind, floor mode, then lead to 57-28-13-6.
_UNNORMALISED = _change_all(_without(_UNGROUPED, LRN), MaxPool, ceil_mode=False)
_PLAIN = _change(_UNNORMALISED, "conv1", padding=((4, 4), (4, 4)))

_TORCHVISION = _change(_UNNORMALISED, "conv1", out_channels=64, padding=((2, 2), (2, 2)))
_TORCHVISION = _change(_TORCHVISION, "conv2", out_channels=192)
_TORCHVISION = _change(_TORCHVISION, "conv4", out_channels=256)
_TORCHVISION = _insert_after(_TORCHVISION, "pool5", AdaptiveAvgPool("avgpool"))

VARIANTS: Mapping[str, Variant] = MappingProxyType(
    {
        variant.name: variant
        for variant in (
            Variant(
                name="caffe",
                title="BVLC AlexNet: two groups, LRN before pooling",
                layers=_CAFFE,
                input_size=227,
                preset="caffe",
                channel_order="BGR",
                source="BVLC/caffe, models/bvlc_alexnet/deploy.prototxt",
                parameters=60_965_224,
            ),
            Variant(
                name="caffenet",
                title="BVLC reference CaffeNet: two groups, pooling before LRN",
                layers=_pool_before_norm(_CAFFE),
                input_size=227,
                preset="caffe",
                channel_order="BGR",
                source="BVLC/caffe, models/bvlc_reference_caffenet/deploy.prototxt",
                parameters=60_965_224,
            ),
            Variant(
                name="torchvision",
                title="One weird trick: narrower, no groups, no LRN",
                layers=_TORCHVISION,
                input_size=224,
                preset="torchvision",
                channel_order="RGB",
                source="pytorch/vision, torchvision/models/alexnet.py, after arXiv:1404.5997",
                parameters=61_100_840,
            ),
            Variant(
                name="paper",
                title="The network of 2012: two groups, 224 pixels, LRN with k = 2",
                layers=_PAPER,
                input_size=224,
                preset="caffe",
                channel_order="BGR",
                source="Krizhevsky, Sutskever and Hinton, NIPS 2012, sections 3.3 to 3.5",
                parameters=60_965_224,
            ),
            Variant(
                name="ungrouped",
                title="BVLC AlexNet without groups",
                layers=_UNGROUPED,
                input_size=227,
                preset="caffe",
                channel_order="BGR",
                source="caffe with every filter seeing every input channel",
                parameters=62_378_344,
            ),
            Variant(
                name="plain",
                title="No groups, no LRN, SAME padding",
                layers=_PLAIN,
                input_size=227,
                preset="caffe",
                channel_order="BGR",
                source="ungrouped without LRN, conv1 padded as by TensorFlow's SAME",
                parameters=62_378_344,
            ),
            Variant(
                name="darknet",
                title="No groups, no LRN, conv1 not padded",
                layers=_UNNORMALISED,
                input_size=227,
                preset="torchvision",
                channel_order="RGB",
                source="pjreddie/darknet, cfg/alexnet.cfg; most tutorials",
                parameters=62_378_344,
            ),
        )
    }
)
"""The networks by name."""


def get_variant(name: str | Variant) -> Variant:
    """Return the network called `name`; a `Variant` is returned as it is.

    Raises
    ------
    ValueError
        If there is none; the message lists the names.
    """
    if isinstance(name, Variant):
        return name
    try:
        return VARIANTS[name]
    except (KeyError, TypeError):
        names = ", ".join(VARIANTS)
        raise ValueError(f"variant must be one of {names}, got {name!r}") from None
