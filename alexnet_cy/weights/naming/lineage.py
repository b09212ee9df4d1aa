"""Whether weights are torchvision's published ones, or were trained from them.

A state dict does not tell strides, padding and pooling, but numbers do tell where they come from.
Fine-tuning moves the biases of conv2 little, and those of another network are as good as random:
the correlation of 64 unrelated numbers is beyond 0.6 once in a million times, as its standard
deviation is 1/8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.contracts.tensors import TensorRef

__all__ = ["from_torchvision"]

# The first biases of features.3 in alexnet-owt-7be5be79.pth, in hundredths.
_PUBLISHED = np.array(
    (
        "-11 -17 -5 -7 -4 17 -18 10 -3 -3 14 -32 -15 13 0 -6 0 20 33 7 50 -4 -8 1 -5 6 2 0 -18 0 "
        "-13 -13 1 -43 12 -16 -6 -23 24 -8 2 -3 -4 3 -17 7 -6 12 -6 -17 -13 5 5 9 1 14 -14 24 15 "
        "48 -12 -16 16 23"
    ).split(),
    np.float64,
)
_MIN_CORRELATION = 0.6


def from_torchvision(tensors: Mapping[str, TensorRef]) -> bool:
    """Compare the biases of conv2 with those of torchvision's published weights.

    Parameters
    ----------
    tensors : mapping of str to TensorRef
        By canonical names; 768 bytes of them are read.

    Raises
    ------
    WeightsError
        Of reading them.
    """
    bias = tensors.get("conv2.bias")
    if bias is None or bias.shape != (192,):
        return False
    found = bias.read()[: len(_PUBLISHED)].astype(np.float64)
    with np.errstate(all="ignore"):  # biases of zero, or of no number, correlate with nothing
        return bool(np.corrcoef(found, _PUBLISHED)[0, 1] > _MIN_CORRELATION)
