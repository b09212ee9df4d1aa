"""A convolution as the choice of its algorithm sees it."""

from __future__ import annotations

from typing import NamedTuple

from alexnet_cy.network import Conv, Shape
from alexnet_cy.network.windows import Pair

__all__ = ["ConvProblem"]


class ConvProblem(NamedTuple):
    """The problem that the choice depends on: not the number of images or of threads."""

    in_channels: int
    out_channels: int
    kernel_size: Pair
    stride: Pair
    groups: int
    output_size: Pair  # (height, width)
    reads_images: bool  # is the first layer, whose input is laid out anew in any case

    @classmethod
    def of(
        cls, layer: Conv, input_shape: Shape, output_shape: Shape, *, reads_images: bool
    ) -> ConvProblem:
        """Describe a layer of a network; the shapes are (C, H, W) of one image."""
        return cls(
            input_shape[0],
            layer.out_channels,
            layer.kernel_size,
            layer.stride,
            layer.groups,
            (output_shape[1], output_shape[2]),
            reads_images,
        )
