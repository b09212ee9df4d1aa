"""What stands beside the weights in a state dict: counters, and how its images were normalised."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from alexnet_cy.weights.stored_floats import FLOAT_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.contracts.tensors import TensorRef

__all__ = ["without_buffers"]

# robustness, kornia, LPIPS and research code keep these as buffers of the network.
_NORMALISATION = frozenset({"mean", "std", "new_mean", "new_std", "shift", "scale"})
_MAX_IMAGE_CHANNELS = 4


def without_buffers(
    tensors: Mapping[str, TensorRef],
) -> tuple[dict[str, TensorRef], dict[str, str]]:
    """Leave out the tensors of a state dict that are no parameters.

    Parameters
    ----------
    tensors : mapping of str to TensorRef
        By their names in the file.

    Returns
    -------
    tensors : dict of str to TensorRef
        Without single numbers (``n_averaged``, ``num_batches_tracked``), rows of whole numbers, and
        the mean and standard deviation of images.
    metadata : dict of str to str
        "normalisation" has the values of these, if there are any.

    Raises
    ------
    WeightsError
        Of reading these.
    """
    kept: dict[str, TensorRef] = {}
    found: list[str] = []
    for name, tensor in tensors.items():
        is_float = tensor.dtype in FLOAT_BYTES
        ending = name.rpartition(".")[2]
        if not tensor.shape or (not is_float and len(tensor.shape) < 2):
            continue
        if is_float and ending in _NORMALISATION and prod(tensor.shape) <= _MAX_IMAGE_CHANNELS:
            values = ", ".join(f"{value:.6g}" for value in tensor.read().reshape(-1))
            found.append(f"{name} = {values}")
        else:
            kept[name] = tensor
    return kept, {"normalisation": "; ".join(found)} if found else {}
