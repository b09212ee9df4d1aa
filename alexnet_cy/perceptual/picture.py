"""The map of a comparison as a picture."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.machine.replace_file import replace_file

__all__ = ["save_map"]

# Dark where the images are alike. Viridis is also right in print without colours, and for
# people who do not tell red from green. Nine of its colours (van der Walt and Smith, 2015, CC0).
COLOURS = (
    (68, 1, 84),
    (71, 44, 122),
    (59, 81, 139),
    (44, 113, 142),
    (33, 144, 141),
    (39, 173, 129),
    (92, 200, 99),
    (170, 220, 50),
    (253, 231, 37),
)


def save_map(path: str | os.PathLike[str], values: Float32Array) -> None:
    """Write a map as a PNG: dark blue for 0, yellow for its largest value.

    Parameters
    ----------
    path : path-like
        Replaced if it exists.
    values : ndarray of float32, shape (H, W)

    Raises
    ------
    OSError
        It cannot be written.
    """
    from PIL import Image

    with replace_file(path) as temporary:
        Image.fromarray(_coloured(values)).save(temporary, "PNG")


def _coloured(values: Float32Array) -> NDArray[np.uint8]:
    largest = float(values.max(initial=0))
    share = values / largest if largest > 0 else np.zeros_like(values)
    steps = np.linspace(0, 1, len(COLOURS))
    channels = [np.interp(share, steps, channel) for channel in zip(*COLOURS, strict=True)]
    coloured: NDArray[np.uint8] = np.stack(channels, axis=-1).round().astype(np.uint8)
    return coloured
