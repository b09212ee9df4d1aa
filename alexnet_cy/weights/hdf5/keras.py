"""What Keras notes beside the weights, and what it says of batch normalisation.

The list ``layer_names`` has all layers in the order of a Sequential model, also those without
weights, and ``model_config``, where the whole model was saved, has their settings. A batch
normalisation can be folded into the layer before it only if no ReLU stands between: that layer has
none of its own, and one comes behind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.naming.finish import TENSORFLOW_EPSILON

__all__ = ["KerasNotes", "checked_epsilon"]


class KerasNotes(NamedTuple):
    """The names of the layers in order, and ``model_config``; empty where there are none."""

    layer_names: Sequence[str]
    model_config: str


def checked_epsilon(path: str, names: Sequence[str], notes: KerasNotes) -> float:
    """Check where each batch normalisation stands, and return what is added to the variances.

    Parameters
    ----------
    path : str
        What errors call the file.
    names : sequence of str
        The names of the arrays.
    notes : KerasNotes
        What the file notes.

    Raises
    ------
    WeightsError
        A batch normalisation stands behind a ReLU, or the file does not tell; or the epsilons
        differ.
    """
    norms = {name.split("/")[-2] for name in names if name.endswith("/moving_mean")}
    if not norms:
        return TENSORFLOW_EPSILON
    settings = _settings(notes.model_config)
    order = [*notes.layer_names, ""]
    for norm in sorted(norms):
        place = order.index(norm) if norm in order else 0
        before, behind = order[place - 1], order[place + 1] if place else ""
        if before in settings:
            is_foldable = settings[before].get("activation", "linear") == "linear"
        else:
            is_foldable = any(word in behind.lower() for word in ("activation", "relu", "re_lu"))
        if not place or not is_foldable:
            raise WeightsError(
                f"{path!r}: {norm[:80]!r} is a batch normalisation, and the file does not tell "
                "that it stands before a ReLU: it cannot be folded into a layer; convert the model "
                "to ONNX with tf2onnx"
            )
    epsilons = {settings.get(norm, {}).get("epsilon", TENSORFLOW_EPSILON) for norm in norms}
    if len(epsilons) != 1 or not isinstance(epsilon := epsilons.pop(), float):
        raise WeightsError(f"{path!r}: batch normalisations of different epsilons")
    return epsilon


def _settings(model_config: str) -> dict[str, Mapping[str, Any]]:
    """Return the settings of each layer by its name; none if the text has another form."""
    try:
        layers = json.loads(model_config)["config"]
        layers = layers["layers"] if isinstance(layers, dict) else layers  # until Keras 2.2
        found = {layer["config"]["name"]: layer["config"] for layer in layers}
    except (ValueError, TypeError, KeyError, RecursionError):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, dict)}
