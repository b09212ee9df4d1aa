"""From files to the network's input: decode one image, or preprocess many by a named preset.

The call path::

    prepare,
    preprocess --> decode --> files     open, limits
        |            `------> modes     every Pillow mode to RGB
        |--> presets                    the figures, as data
        |--> mean                       the mean argument
        `--> views --> bilinear         resize, crop
"""

from alexnet_cy.images.decoding.decode import decode
from alexnet_cy.images.folder import find_images
from alexnet_cy.images.preprocess import prepare, preprocess
from alexnet_cy.images.preset import Preset
from alexnet_cy.images.presets import PRESETS, get_preset

__all__ = ["PRESETS", "Preset", "decode", "find_images", "get_preset", "prepare", "preprocess"]
