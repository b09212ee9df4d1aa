"""Which AlexNet a Caffe file is that does not connect its layers or states no settings.

AlexNet and CaffeNet have the same weights. What such a file may show is whether the normalisation
comes before the pooling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.weights.caffe.layers import CaffeLayer, LayerGraph

__all__ = ["told_variant"]


def told_variant(
    shapes: Mapping[str, tuple[int, ...]], layers: list[CaffeLayer], graph: LayerGraph
) -> str | None:
    """Return the name of the variant that a file shows.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
        Of its tensors, by canonical name.
    layers : list of CaffeLayer
        All layers of the file.
    graph : LayerGraph
        Made of them.

    Returns
    -------
    str or None
        None if the file does not show where the normalisation is. The networks of Caffe come before
        the paper's, which differs from them in settings alone.
    """
    norm_first = _norm_first(layers, graph)
    first, second = (shapes.get(f"conv{i}.weight", (0, 0)) for i in (1, 2))
    has_groups = first[0] != second[1]
    if norm_first is None or not (has_groups or norm_first):
        return None
    if not has_groups:
        return "ungrouped"
    return "caffe" if norm_first else "caffenet"


def _norm_first(layers: list[CaffeLayer], graph: LayerGraph) -> bool | None:
    """Tell whether norm1 comes before pool1, in a file that does not connect all its layers."""
    named = {layer.name: (i, layer) for i, layer in enumerate(layers)}
    if "norm1" not in named:
        return None
    norm_place, norm = named["norm1"]
    if norm.bottoms:
        steps = graph.path_to(norm)
        before = steps[: steps.index(norm)] if norm in steps else ()
        sources = {step.name for step in before} | set(norm.bottoms)
        if "pool1" in sources:
            return False
        return True if "conv1" in sources else None
    if "pool1" not in named or named["pool1"][1].bottoms:
        return None
    return norm_place < named["pool1"][0]  # Caffe lists layers in the order in which they run
