"""Pictures of matrices, and of images beside their neighbours."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.images.colours import coloured
from alexnet_cy.images.decoding.decode import decode
from alexnet_cy.machine.replace_file import replace_file

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["save_matrix", "save_sheet"]

# A matrix of few images is enlarged to about this many pixels.
MATRIX_PIXELS = 600

THUMBNAIL_PIXELS = 128
GAP_PIXELS = 4


def save_matrix(path: str | os.PathLike[str], matrix: NDArray[np.float64]) -> None:
    """Write an RDM as a PNG: a square for each pair, dark blue for 0, yellow for the largest.

    Raises
    ------
    OSError
        It cannot be written.
    """
    from PIL import Image

    side = max(1, MATRIX_PIXELS // len(matrix))
    squares = coloured(matrix, float(matrix.max())).repeat(side, 0).repeat(side, 1)
    _save(path, Image.fromarray(squares))


def save_sheet(path: str | os.PathLike[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a sheet of images as a PNG, a row for each sequence of paths.

    The first image of a row stands apart from the others.

    Raises
    ------
    ImageError
        An image cannot be read.
    OSError
        The sheet cannot be written.
    """
    from PIL import Image

    step = THUMBNAIL_PIXELS + GAP_PIXELS
    width = max(map(len, rows)) * step + 4 * GAP_PIXELS
    sheet = Image.new("RGB", (width, len(rows) * step), "white")
    for i, row in enumerate(rows):
        for j, name in enumerate(row):
            picture = decode(name).copy()
            picture.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
            sheet.paste(picture, (j * step + (j > 0) * 4 * GAP_PIXELS, i * step))
    _save(path, sheet)


def _save(path: str | os.PathLike[str], picture: Image.Image) -> None:
    with replace_file(path) as temporary:
        picture.save(temporary, "PNG")
