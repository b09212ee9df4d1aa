"""Numbers as colours, for pictures of maps and matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["coloured"]

# Dark for little. Viridis is also right in print without colours, and for
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


def coloured(values: NDArray[np.floating[Any]], largest: float) -> NDArray[np.uint8]:
    """Return a picture of numbers: dark blue for 0, yellow for `largest`.

    Parameters
    ----------
    values : ndarray, shape (H, W)
        From 0 up; beyond `largest` they stay yellow.
    largest : float

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
    """
    share = values / largest if largest > 0 else np.zeros(values.shape)
    steps = np.linspace(0, 1, len(COLOURS))
    channels = [np.interp(share, steps, channel) for channel in zip(*COLOURS, strict=True)]
    picture: NDArray[np.uint8] = np.stack(channels, axis=-1).round().astype(np.uint8)
    return picture
