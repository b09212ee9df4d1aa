"""What training needs of a network, and how one gets another last layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.trained_on import TrainedOn
from alexnet_cy.network import Conv, Linear, Softmax, Variant

if TYPE_CHECKING:
    from alexnet_cy.image_stream import FeatureBatch

__all__ = ["AnyNetwork", "MakeNetwork", "Network", "features_layer", "with_new_head"]


class Network(Protocol):
    """The part of `AlexNet` that training uses."""

    @property
    def variant(self) -> Variant:
        """The network as data."""

    @property
    def weights(self) -> Mapping[str, Float32Array]:
        """The weights by name."""

    @property
    def trained_on(self) -> TrainedOn:
        """How it was trained."""

    def iter_features(
        self, images: Iterable[Any], layers: Any, *, preset: Any, threads: Any, on_error: Any
    ) -> Iterator[FeatureBatch]:
        """Extract the values of layers."""

    def forward(self, x: Any, layers: Any, *, threads: Any) -> Any:
        """Run the network."""

    def save(self, path: Any) -> None:
        """Write a weight file."""


AnyNetwork = TypeVar("AnyNetwork", bound=Network)

MakeNetwork: TypeAlias = Callable[[Variant, Mapping[str, Any], TrainedOn], AnyNetwork]
"""Makes a network of weights."""


def features_layer(variant: Variant) -> str:
    """Return the layer that the head reads: the last before it, and where there is none the last.

    "fc7" of a whole AlexNet, the last pooling of one without fully connected layers.
    """
    name: str = _body(variant)[-1].name
    return name


def with_new_head(variant: Variant, n_classes: int) -> tuple[Variant, str]:
    """Return the variant with a last layer of other classes in place of its own.

    Returns
    -------
    Variant, str
        And the name of the new layer: that of the old one, or the next of fc6, fc7, fc8, as the
        readers of weight files count.
    """
    body = _body(variant)
    replaced = [layer.name for layer in variant.layers[len(body) :] if _is_head(layer, variant)]
    number = 6 + sum(isinstance(layer, Linear) for layer in body)
    while any(layer.name == f"fc{number}" for layer in body):
        number += 1
    name = replaced[0] if replaced else f"fc{number}"
    head = Linear(name, n_classes, relu=False)
    return replace(variant, layers=(*body, head, Softmax("prob"))), name


def _body(variant: Variant) -> list[Any]:
    """Return the layers before the head."""
    layers: list[Any] = [layer for layer in variant.layers if not isinstance(layer, Softmax)]
    return layers[:-1] if _is_head(layers[-1], variant) else layers


def _is_head(layer: object, variant: Variant) -> bool:
    """Tell a fully connected layer without a ReLU, or the convolution that stands for it."""
    return layer == variant.classifier and isinstance(layer, Linear | Conv)
