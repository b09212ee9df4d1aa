"""Packed weights as parts of memory with names: what a file of them holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.engine.packed.packed_weights import PackedWeights
from alexnet_cy.engine.packed.winograd_packing import winograd_shape
from alexnet_cy.engine.winograd import block_taps
from alexnet_cy.kernels._linear import PackedLinear
from alexnet_cy.kernels.convolution._conv import PackedConv
from alexnet_cy.kernels.convolution._winograd import PackedWinograd
from alexnet_cy.network import Conv, Linear

__all__ = ["PackedElsewhere", "adopt_sections", "sections_of"]

Sections = dict[str, Any]
"""Buffers by name: "conv2.panels", "conv2.bias", "conv2.U"; "conv1.blocks" and "conv1.block_bias"
where Winograd's algorithm runs over an input cut into blocks; "fc6.rows", "fc6.bias"."""


class PackedElsewhere(TensorRef):
    """A tensor that there is only in packed form: a layer adopts that, and never reads this."""

    __slots__ = ()

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape, "F32", 0)

    def read(self) -> Float32Array:
        """Raise: there is nothing to read."""
        raise RuntimeError("packed weights have not been adopted")


def sections_of(
    weights: PackedWeights, winograd: frozenset[str], threads: int
) -> tuple[Sections, list[str]]:
    """Pack all layers and return the parts of memory that they are in.

    Parameters
    ----------
    weights : PackedWeights
    winograd : frozenset of str
        The convolutions to transform for Winograd's algorithm.
    threads : int

    Returns
    -------
    dict of str to buffer
    list of str
        Fully connected layers with numbers that are not finite.
    """
    sections: Sections = {}
    nonfinite = []
    for step in weights.variant.shapes():
        layer = step.layer
        if isinstance(layer, Conv):
            conv = weights.conv(layer.name)
            panels = conv.pack(threads)
            sections[f"{layer.name}.panels"] = panels.weight_memory
            sections[f"{layer.name}.bias"] = panels.bias_memory
            if layer.name in winograd:
                transformed = conv.pack_winograd(threads)
                transformed.transform(threads)
                sections[f"{layer.name}.U"] = transformed.transformed
                if transformed.panels is not panels:
                    sections[f"{layer.name}.blocks"] = transformed.panels.weight_memory
                    sections[f"{layer.name}.block_bias"] = transformed.panels.bias_memory
        elif isinstance(layer, Linear):
            rows = weights.linear(layer.name).pack(threads)
            sections[f"{layer.name}.rows"] = rows.weight_memory
            sections[f"{layer.name}.bias"] = rows.bias_memory
            if not rows.finite:
                nonfinite.append(layer.name)
    return sections, nonfinite


def adopt_sections(
    weights: PackedWeights, sections: Mapping[str, memoryview], nonfinite: list[str]
) -> None:
    """Make the layers use packed weights where they lie; nothing is copied.

    Raises
    ------
    ValueError, KeyError
        The parts do not fit the layers.
    """
    for step in weights.variant.shapes():
        layer = step.layer
        if isinstance(layer, Conv):
            name, shape = layer.name, layer.parameter_shapes(step.input_shape)["weight"]
            memory = sections[f"{name}.panels"], sections[f"{name}.bias"]
            n_out, n_in, kernel_h, kernel_w = shape
            panels = PackedConv(
                n_out, n_in, kernel_h, kernel_w, None, layer.groups, weights.kernels, memory
            )
            conv = weights.conv(name)
            conv.adopt(panels)
            if f"{name}.U" in sections:
                conv.adopt_winograd(_winograd(layer, shape, panels, sections))
        elif isinstance(layer, Linear):
            name = layer.name
            n_out, n_in = layer.parameter_shapes(step.input_shape)["weight"]
            given = sections[f"{name}.rows"], sections[f"{name}.bias"], name not in nonfinite
            rows = PackedLinear(n_out, n_in, None, weights.kernels, 1, given)
            weights.linear(name).adopt(rows)


def _winograd(
    layer: Conv, shape: tuple[int, ...], panels: PackedConv, sections: Mapping[str, memoryview]
) -> PackedWinograd:
    name = layer.name
    if f"{name}.blocks" in sections:
        taps = block_taps(layer.kernel_size, layer.stride)
        n_channels = shape[1] * int(np.prod(layer.stride))
        memory = sections[f"{name}.blocks"], sections[f"{name}.block_bias"]
        panels = PackedConv(shape[0], n_channels, *taps, None, layer.groups, panels.capsule, memory)
        shape = (shape[0], n_channels, *taps)
    described = winograd_shape(shape, stride=(1, 1), groups=layer.groups, kernels=panels.capsule)
    return PackedWinograd(described, panels, sections[f"{name}.U"])
