"""The map of a comparison as a picture."""

from __future__ import annotations

import os

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.images.colours import coloured
from alexnet_cy.machine.replace_file import replace_file

__all__ = ["save_map"]


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
        Image.fromarray(coloured(values, float(values.max(initial=0)))).save(temporary, "PNG")
