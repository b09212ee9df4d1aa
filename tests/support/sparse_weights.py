"""A weight file of torchvision's AlexNet that takes 10 MB of the disk: its head is a hole."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

from alexnet_cy.network import get_variant
from alexnet_cy.network.random_weights import random_tensors
from alexnet_cy.weights.writing import VARIANT_KEY


def write_sparse(path: Path, seed: int = 0) -> Path:
    """Write safetensors with random convolutions and a head of zeros; return the path."""
    variant = get_variant("torchvision")
    shapes = variant.parameter_shapes()
    header: dict[str, object] = {"__metadata__": {VARIANT_KEY: variant.name}}
    ends = [0]
    for name, shape in shapes.items():
        ends.append(ends[-1] + 4 * prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": ends[-2:]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    tensors = random_tensors(variant, seed)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in shapes:
            if name.startswith("conv"):
                file.write(tensors[name].read().tobytes())
        file.truncate(8 + len(text) + ends[-1])
    return path
