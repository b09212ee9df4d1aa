"""The gradients of one batch, of a network that does not learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from numpy.typing import ArrayLike

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.network import Conv, Linear, Variant
from alexnet_cy.training.step.network import TrainingNetwork

__all__ = ["gradients_of"]

WEIGHTS, INPUT = "weights", "input"


def gradients_of(
    variant: Variant,
    weights: Mapping[str, ArrayLike | TensorRef],
    x: ArrayLike | PixelBatch,
    labels: ArrayLike,
    wrt: str | Sequence[str],
    *,
    exact: bool,
    threads: int | None,
) -> tuple[float, dict[str, Float32Array]]:
    """Return the mean loss of a batch and its gradients; as of `AlexNet.gradients`."""
    layers = [layer.name for layer in variant.layers if isinstance(layer, Conv | Linear)]
    asked = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    if not asked:
        raise ValueError("wrt: need at least one name, got none")
    for name in asked:
        if name not in (WEIGHTS, INPUT, *layers):
            known = ", ".join((WEIGHTS, INPUT, *layers))
            raise ValueError(f"wrt: need names of {known}, got {name!r}")
    learning = layers if WEIGHTS in asked else [name for name in layers if name in asked]
    net = TrainingNetwork(
        variant,
        weights,
        trainable=learning,
        exact=exact,
        input_gradient=INPUT in asked,
        threads=threads,
    )
    loss = net.accumulate(x, labels).loss
    found = net.gradients()
    if INPUT in asked:
        found[INPUT] = net.input_gradient()
    return loss, found
