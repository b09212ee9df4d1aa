"""The names of the layers of a network that a file describes under other ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool, Softmax
from alexnet_cy.network.windows import NO_PADDING

__all__ = ["named"]


def named(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Name layers as those of AlexNet are.

    Parameters
    ----------
    layers : sequence of Layer
        In the order of the pass.

    Returns
    -------
    tuple of Layer
        conv1, conv2, ...; norm and pool with the number of the convolution before them, and a
        letter behind it if there are several; fc6, fc7, ... if there are five convolutions, also
        for the convolutions that stand for them: those behind the last pooling that pad nothing and
        go on by one pixel.
    """
    head = _head_start(layers)
    result: list[Layer] = []
    number = 0
    used: set[str] = set()
    for place, layer in enumerate(layers):
        if isinstance(layer, Conv | Linear):
            number += 1
            name = f"{'conv' if place < head else 'fc'}{number}"
        elif isinstance(layer, LRN | MaxPool):
            name = f"{'norm' if isinstance(layer, LRN) else 'pool'}{number}"
        else:
            name = "avgpool" if isinstance(layer, AdaptiveAvgPool) else "prob"
        first = name
        letter = ord("b")
        while name in used:
            name = f"{first}{chr(letter)}"
            letter += 1
        used.add(name)
        result.append(replace(layer, name=name))
    return tuple(result)


def _head_start(layers: Sequence[Layer]) -> int:
    """Return where the fully connected layers begin, or the convolutions that stand for them."""
    start = next((i for i, layer in enumerate(layers) if isinstance(layer, Linear)), None)
    if start is not None:
        return start
    pools = [i for i, layer in enumerate(layers) if isinstance(layer, MaxPool)]
    behind = (pools[-1] if pools else len(layers)) + 1
    is_head = all(
        isinstance(layer, Softmax | AdaptiveAvgPool)
        or (isinstance(layer, Conv) and layer.padding == NO_PADDING and layer.stride == (1, 1))
        for layer in layers[behind:]
    )
    return behind if is_head else len(layers)
