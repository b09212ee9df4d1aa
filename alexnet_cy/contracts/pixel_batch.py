"""Images as the pixels that they are, and what the network's input is for each value of a pixel.

A preset's arithmetic on pixels of 8 bits has 256 results a channel. The network looks them up while
it lays the images out for its first convolution, so that an image is never held in float32: a
quarter of the memory, and a pass over it less.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.contracts.records import record

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PixelBatch"]


@record(frozen=True, slots=True)
class PixelBatch:
    """Images that `AlexNet.forward` takes in place of floating-point ones.

    Attributes
    ----------
    values : ndarray of uint8, shape (N, H, W, 3), C-contiguous
        Red, green, blue.
    channels : tuple of int
        Which of these each channel of the network's input comes from: (2, 1, 0) for BGR, (0,) for
        grey images.
    table : ndarray of float32, shape (C, 256), C-contiguous
        For each channel of the input, what a pixel of each value becomes.
    """

    values: NDArray[np.uint8]
    channels: tuple[int, ...]
    table: NDArray[np.float32]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W), as of the array of floats."""
        n_images, height, width, _ = self.values.shape
        return n_images, len(self.channels), height, width

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, part: slice) -> PixelBatch:
        return PixelBatch(self.values[part], self.channels, self.table)

    def as_floats(self) -> NDArray[np.float32]:
        """Return the network's input, shape (N, C, H, W)."""
        x = np.empty(self.shape, np.float32)
        for c, channel in enumerate(self.channels):
            x[:, c] = self.table[c][self.values[..., channel]]
        return x

    @staticmethod
    def join(batches: Sequence[PixelBatch]) -> PixelBatch:
        """Join batches of one preset, at least one."""
        values = np.concatenate([batch.values for batch in batches])
        return PixelBatch(values, batches[0].channels, batches[0].table)
