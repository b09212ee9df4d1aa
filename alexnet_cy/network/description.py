"""A network as JSON text, for files that have no graph of their own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.specs import LRN, AdaptiveAvgPool, Conv, Layer, Linear, MaxPool, Softmax

__all__ = ["describe_network", "described_network"]

_KINDS = {kind.__name__: kind for kind in (Conv, LRN, MaxPool, AdaptiveAvgPool, Linear, Softmax)}
_MAX_CHARACTERS = 65_536  # an AlexNet takes 2 thousand


def describe_network(variant: Variant) -> str:
    """Return the JSON text that `described_network` reads."""
    layers = [{"kind": type(layer).__name__, **_settings(layer)} for layer in variant.layers]
    return json.dumps({**_settings(variant), "layers": layers})


def described_network(text: str) -> Variant:
    """Return the network that `describe_network` wrote down.

    Raises
    ------
    ValueError
        The text is no such description, or of a network that cannot be.
    """
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"the description of the network has {len(text)} characters")
    try:
        found = json.loads(text)
        layers = tuple(_layer(**settings) for settings in found.pop("layers"))
        return Variant(layers=layers, **found)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"the description of the network: {error}") from error


def _settings(record: Variant | Layer) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _layer(kind: str, **settings: Any) -> Layer:
    make: Callable[..., Layer] = _KINDS[kind]
    return make(**{name: _as_tuples(value) for name, value in settings.items()})


def _as_tuples(value: object) -> object:
    """Return lists, which JSON has for tuples, as tuples."""
    return tuple(_as_tuples(part) for part in value) if isinstance(value, list) else value
