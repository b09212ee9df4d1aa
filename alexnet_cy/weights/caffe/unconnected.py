"""Caffe files that do not connect their layers, or state no settings: names tell which is which.

The classifier, which fine-tuning renames, is the one inner product that is left over and takes what
fc7 gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.caffe.layers import clip
from alexnet_cy.weights.caffe.roles import ROLES
from alexnet_cy.weights.caffe.steps import parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.weights.caffe.layers import CaffeLayer
    from alexnet_cy.weights.files import WeightsFile

__all__ = ["by_name", "told_variant"]


def by_name(
    file: WeightsFile, layers: Sequence[CaffeLayer]
) -> tuple[dict[str, CaffeLayer], dict[str, TensorRef]]:
    """Find the layers that have an AlexNet's names, and the classifier by what it takes.

    Returns
    -------
    dict of str to CaffeLayer
        By their names in an AlexNet.
    dict of str to TensorRef
        Their weights and biases.

    Raises
    ------
    WeightsError
        There is none; one with weights is neither a convolution nor an inner product, or not what
        its name says; there are several classifiers and none is called fc8.
    """
    weighted = [layer for layer in layers if layer.message.blobs or layer.name in ROLES]
    for layer in weighted:
        if layer.type not in ROLES.values():
            raise WeightsError(
                f"{file.path!r}: {layer.label} has the type {clip(layer.type)} and weights; in an "
                "AlexNet only convolutions and inner products have them"
            )
        if layer.type != ROLES.get(layer.name, layer.type):
            raise WeightsError(f"{file.path!r}: {layer.label} is no {ROLES[layer.name]}")
    found = {layer.name: layer for layer in weighted if layer.name in ROLES}
    if "fc8" not in found and "fc7" in found:
        width = parameters(file, found["fc7"])[0].shape[0]
        others = [x for x in weighted if x.type == "InnerProduct" and x.name not in ROLES]
        heads = [x for x in others if parameters(file, x)[0].shape[1] == width]
        if len(heads) > 1:
            names = ", ".join(clip(head.name) for head in heads[:20])
            raise WeightsError(
                f"{file.path!r}: several classifiers ({names}), and none is called fc8"
            )
        if heads:
            found["fc8"] = heads[0]
    if not found:
        raise WeightsError(f"{file.path!r}: a Caffe network without any layer of an AlexNet")
    tensors: dict[str, TensorRef] = {}
    for role, layer in found.items():
        weight, bias = parameters(file, layer)
        tensors[f"{role}.weight"] = weight
        if bias is not None:
            tensors[f"{role}.bias"] = bias
    return found, tensors


def told_variant(layers: Sequence[CaffeLayer], shapes: Mapping[str, tuple[int, ...]]) -> str | None:
    """Return the name of the variant that a file shows, None if it does not show norm1's place.

    AlexNet and CaffeNet have the same weights; norm1 of the one takes what conv1 gives, that of the
    other what pool1 gives. The networks of Caffe come before the paper's, which differs from them
    in settings alone.

    Parameters
    ----------
    layers : sequence of CaffeLayer
        In the order of the file, in which Caffe lists them as they run.
    shapes : mapping of str to tuple of int
        Of the tensors, by canonical name.
    """
    order = [layer.name for layer in layers if layer.name in ("norm1", "pool1")]
    sources = [blob for layer in layers if layer.name == "norm1" for blob in layer.bottoms]
    if sources:
        norm_first = sources == ["conv1"]
        is_shown = norm_first or sources == ["pool1"]
    else:
        norm_first, is_shown = order == ["norm1", "pool1"], len(set(order)) == len(order) == 2
    first, second = (shapes.get(f"conv{i}.weight", (0, 0)) for i in (1, 2))
    has_groups = first[0] != second[1]
    if not is_shown or not (has_groups or norm_first):
        return None
    if not has_groups:
        return "ungrouped"
    return "caffe" if norm_first else "caffenet"
