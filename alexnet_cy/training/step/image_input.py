"""Images of any kind, laid out as the first layer of a network reads them."""

from __future__ import annotations

from typing import TypeAlias

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.kernels import _layout
from alexnet_cy.network import Conv
from alexnet_cy.training.step.stages import Stage

__all__ = ["Images", "lay_out"]

Images: TypeAlias = Float32Array | PixelBatch


def lay_out(
    images: Images, stage: Stage, whole: Float32Array, inside: Float32Array, threads: int
) -> None:
    """Write images into the memory that the first stage reads.

    Parameters
    ----------
    images : Images
        Float32, (N, C, H, W), or pixels.
    stage : Stage
    whole, inside : float32 array, shape (N, H, W, C)
        The memory with its padding and without; of zeros where it is padding. In blocks of the
        stride's size both are the same.
    threads : int
    """
    block = (1, 1) if stage.conv is None else stage.conv.block
    layer = stage.layer
    (top, _), (left, _) = layer.padding if isinstance(layer, Conv) else ((0, 0), (0, 0))
    if isinstance(images, PixelBatch) and len(images.channels) != 3:
        images = images.as_floats()  # grey
    if isinstance(images, PixelBatch):
        _layout.pixels_to_depth(
            images.values, images.channels, images.table, whole, block, (top, left), threads
        )
    elif block == (1, 1):
        _layout.nchw_to_nhwc(images, inside, threads)
    else:
        _layout.space_to_depth(images, whole, block, (top, left), threads)
