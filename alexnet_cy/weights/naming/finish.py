"""The last step of every reader of tensors: what a file holds in parts is put together."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.graphs.derived import Computed, Filled, scaled
from alexnet_cy.weights.naming.derived import BatchNorm, normed, pruned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.contracts.tensors import TensorRef

__all__ = ["EPSILON", "TENSORFLOW_EPSILON", "finish"]

EPSILON = 1e-5
"""What torch.nn.BatchNorm2d adds to the variance unless told otherwise; no state dict has it."""

TENSORFLOW_EPSILON = 1e-3
"""What keras.layers.BatchNormalization and TF-slim's batch_norm add."""


def finish(
    tensors: Mapping[str, TensorRef], epsilons: Mapping[str, float] | float = EPSILON
) -> dict[str, TensorRef]:
    """Turn the tensors of a file, by canonical names, into weights and biases.

    Parameters
    ----------
    tensors : mapping of str to TensorRef
        ``conv1.weight``, or ``conv1.weight_orig`` and ``conv1.weight_mask``, or ``conv1.weight_g``
        and ``conv1.weight_v``; ``conv1.running_mean``, ``running_var``, ``norm_weight`` and
        ``norm_bias`` of the batch normalisation behind it; other names are handed on.
    epsilons : mapping of str to float, or float
        Of the batch normalisation behind each layer, `EPSILON` for a layer that is left out; or of
        all of them.

    Returns
    -------
    dict of str to TensorRef
        With what was derived in place of what it was derived from.

    Raises
    ------
    WeightsError
        Two tensors that belong together do not fit.
    """
    finished = dict(tensors)
    for layer in _layers(finished):
        _join_weight(finished, layer)
        epsilon = epsilons if isinstance(epsilons, float) else epsilons.get(layer, EPSILON)
        _fold_norm(finished, layer, epsilon)
    return finished


def _layers(tensors: Mapping[str, TensorRef]) -> list[str]:
    """Return the layers that there are, in order."""
    prefixes = {name.partition(".")[0]: None for name in tensors}
    return [name for name in prefixes if name.startswith(("conv", "fc")) and name[-1:].isdigit()]


def _join_weight(tensors: dict[str, TensorRef], layer: str) -> None:
    """Put the weight together that pruning or weight normalisation took apart."""
    for kind in ("weight", "bias"):
        name = f"{layer}.{kind}"
        whole, mask = tensors.get(f"{name}_orig"), tensors.get(f"{name}_mask")
        if whole is not None and mask is not None:
            _check_same(f"{name}_mask", mask.shape, whole.shape)
            tensors[name] = pruned(whole, mask)
            del tensors[f"{name}_orig"], tensors[f"{name}_mask"]
        length, direction = tensors.get(f"{name}_g"), tensors.get(f"{name}_v")
        if length is not None and direction is not None:
            _check_same(f"{name}_g", (prod(length.shape),), direction.shape[:1])
            tensors[name] = normed(length, direction)
            del tensors[f"{name}_g"], tensors[f"{name}_v"]


def _fold_norm(tensors: dict[str, TensorRef], layer: str, epsilon: float) -> None:
    """Fold the batch normalisation behind a layer into it."""
    weight = tensors.get(f"{layer}.weight")
    kinds = ("running_mean", "running_var", "norm_weight", "norm_bias")
    mean, variance, scale, shift = (tensors.get(f"{layer}.{kind}") for kind in kinds)
    if weight is None or mean is None or variance is None:
        return
    for kind, part in zip(kinds, (mean, variance, scale, shift), strict=True):
        if part is not None:
            _check_same(f"{layer}: {kind}", part.shape, weight.shape[:1])
            del tensors[f"{layer}.{kind}"]
    bias = tensors.get(f"{layer}.bias")
    if bias is not None:
        _check_same(f"{layer}.bias", bias.shape, weight.shape[:1])
    norm = BatchNorm(mean, variance, scale, shift, epsilon)
    tensors[f"{layer}.weight"] = scaled(weight, norm.factors)
    bias = Filled(weight.shape[:1], 0.0) if bias is None else bias
    tensors[f"{layer}.bias"] = Computed(bias.shape, norm.fold, bias)


def _check_same(what: str, found: tuple[int, ...], needed: tuple[int, ...]) -> None:
    if found != needed:
        raise WeightsError(f"{what}: shape {found}; what it belongs to has {needed}")
