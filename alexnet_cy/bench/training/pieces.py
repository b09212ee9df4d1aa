"""The pieces of a training step, and the arithmetic and the memory that each needs."""

from __future__ import annotations

from math import prod

from alexnet_cy.contracts.records import record
from alexnet_cy.engine.choice.costs import FLOAT32_BYTES
from alexnet_cy.network import Conv, LayerShapes, Linear, Variant

__all__ = ["LOSS", "UPDATE", "Piece", "piece_of"]

LOSS, UPDATE = "loss", "update"


@record(frozen=True, slots=True)
class Piece:
    """A row of the table: what one layer, or two in one, does in one part of the step.

    Attributes
    ----------
    name : str
        Such as "conv1 forward", or "norm1+pool1 data". The gradient by what a layer reads is
        "data", that by its weights "weights".
    parts : tuple of str
        What NumPy does instead: names of its own pieces.
    macs : int
        Multiply-accumulates for the whole batch.
    nbytes : int
        Bytes of what is read and written for the whole batch, each counted once.
    """

    name: str
    parts: tuple[str, ...]
    macs: int
    nbytes: int


def piece_of(name: str, variant: Variant, batch: int) -> Piece:
    """Describe a piece by its name.

    Parameters
    ----------
    name : str
        As the clock of our step calls it, or "fc6 data, weights, update" for what is one pass.
    variant : Variant
    batch : int
    """
    if name == LOSS:
        values = batch * variant.num_classes
        return Piece(name, (LOSS,), 0, 2 * FLOAT32_BYTES * values)
    layers, _, kinds = name.partition(" ")
    shapes = {one.layer.name: one for one in variant.shapes()}
    found = [shapes[layer] for layer in layers.split("+")]
    parts = tuple(f"{one.layer.name} {kind}" for one in found for kind in kinds.split(", "))
    multiplies = isinstance(found[0].layer, Conv | Linear) and kinds != UPDATE
    products = 2 if len(kinds.split(", ")) > 1 else 1
    macs = products * batch * found[0].macs if multiplies else 0
    return Piece(name, parts, macs, FLOAT32_BYTES * _values(found, kinds, batch))


def _values(found: list[LayerShapes], kinds: str, batch: int) -> int:
    """Count the numbers that are read and written, as arrays of the layers' own sizes."""
    x, y = batch * prod(found[0].input_shape), batch * prod(found[-1].output_shape)
    weights = sum(one.parameter_count for one in found)
    return {
        "forward": weights + x + y,
        # A layer without weights looks at what it has read once more.
        "data": weights + y + x if weights else y + 2 * x,
        "weights": x + y + weights,
        "update": 3 * weights,  # and velocities and gradients
        # The gradient is never stored, and the weights are read once for both.
        "data, weights, update": 2 * x + y + 2 * weights,
    }[kinds]
