"""What the rounded numbers of a training network have decided: its ReLUs and poolings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.network import Conv, Linear, MaxPool
from alexnet_cy.training.step.network import TrainingNetwork

__all__ = ["decisions"]


def decisions(net: TrainingNetwork, n_images: int) -> dict[str, NDArray[np.integer[Any]]]:
    """Take the decisions of the last pass out of a network's memory, as the oracle wants them."""
    found: dict[str, NDArray[np.integer[Any]]] = {}
    images = slice(0, n_images)
    trunk, head = net._passes.trunk, net._passes.head
    assert trunk is not None
    assert head is not None
    for stage in trunk.stages:
        if isinstance(stage.layer, MaxPool):
            found[stage.layer.name] = trunk.memory.winners(stage, images).transpose(0, 3, 1, 2)
        elif isinstance(stage.layer, Conv):
            _, y = trunk.memory.activation(stage.target, images)
            found[stage.layer.name] = (y > 0).transpose(0, 3, 1, 2).astype(np.uint8)
    linears = [layer for layer in net.variant.layers if isinstance(layer, Linear)]
    for layer, y in zip(linears, head._values[1:], strict=True):
        found[layer.name] = (y[images] > 0).astype(np.uint8)
    return found
