"""LPIPS' linear weights: how much a channel counts, learnt from people's judgements.

They are in data/lpips_weights.tsv, which scripts/make_lpips_weights.py writes, and are read when
they are first needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.perceptual.trunk import LAYERS

__all__ = ["VERSIONS", "linear_weights", "ones"]

VERSIONS = ("0.1", "0.0")
"""The versions of LPIPS. The first release, 0.0, left out the scaling of the input."""

CHANNELS = (64, 192, 384, 256, 256)


@cache
def linear_weights(version: str) -> Mapping[str, Float32Array]:
    """Return the weights of the channels, (C,) for each of `LAYERS`; the arrays are read-only."""
    from importlib.resources import files

    text = files("alexnet_cy.data").joinpath("lpips_weights.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    weights = {}
    for of_version, layer, *values in rows:
        if of_version == version:
            weights[layer] = np.array(values, np.float32)
            weights[layer].setflags(write=False)
    return weights


@cache
def ones() -> Mapping[str, Float32Array]:
    """Return a weight of one for every channel: the baseline without learnt weights."""
    return {
        layer: np.ones(channels, np.float32)
        for layer, channels in zip(LAYERS, CHANNELS, strict=True)
    }
