"""The layers of a Caffe network in one form, and the path through them.

Caffe has written its layers in three ways; the two that hold weights differ in field numbers and
in the names of the types, and are the same otherwise. In what order the layers run is told by the
blobs that each one reads and writes ("bottom" and "top"), not by their order in the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.caffe.messages import V1_TYPES

__all__ = ["CaffeLayer", "LayerGraph", "clip", "list_layers"]

MAX_LAYERS = 1000  # an AlexNet snapshot has about 25
_MAX_PATH = 100  # layers between the image and the last one

_SETTINGS = {
    "BatchNorm": "batch_norm_param",
    "Convolution": "convolution_param",
    "InnerProduct": "inner_product_param",
    "LRN": "lrn_param",
    "Pooling": "pooling_param",
    "Power": "power_param",
    "ReLU": "relu_param",
    "Scale": "scale_param",
}
_WITH_SETTINGS = frozenset({"Convolution", "Pooling"})

# They change nothing at inference, or nothing but the shape.
_IDENTITIES = frozenset({"Dropout", "Flatten", "Split"})


@dataclass(frozen=True, slots=True)
class CaffeLayer:
    """One layer, whichever way it is encoded.

    Attributes
    ----------
    name : str
        Its name; not necessarily unique.
    type : str
        In today's names: "Convolution", "InnerProduct", "LRN", "Pooling", "ReLU", ...
    bottoms, tops : tuple of str
        The blobs that it reads and writes.
    message : LayerParameter or V1LayerParameter
        What else there is; ``blobs`` and ``..._param`` have the same names in both.
    """

    name: str
    type: str
    bottoms: tuple[str, ...]
    tops: tuple[str, ...]
    message: Any

    @property
    def is_in_place(self) -> bool:
        """Whether the layer overwrites what it reads."""
        return len(self.tops) == 1 and self.tops == self.bottoms

    @property
    def label(self) -> str:
        """What errors call the layer."""
        return f"layer {clip(self.name)}"

    @property
    def settings(self) -> Any:
        """The settings of its type, with Caffe's defaults for what it does not state."""
        return getattr(self.message, _SETTINGS[self.type]) if self.type in _SETTINGS else None

    @property
    def lacks_settings(self) -> bool:
        """Whether it states none where every file that has any does: it may be anything."""
        return self.type in _WITH_SETTINGS and not self.message.HasField(_SETTINGS[self.type])


def list_layers(net: Any, path: str) -> list[CaffeLayer]:
    """List the layers of a NetParameter.

    Parameters
    ----------
    net : NetParameter
        As read by `wire.read_message`.
    path : str
        What errors call the file.

    Returns
    -------
    list of CaffeLayer
        In the order of the file.

    Raises
    ------
    WeightsError
        There are no layers, both kinds of them, more than `MAX_LAYERS`, or layers in the oldest
        encoding.
    """
    if net.layers and net.layer:
        raise WeightsError(
            f"{path!r}: has layers in both the old encoding (field 2) and the current one "
            "(field 100); Caffe refuses such a file too"
        )
    count = len(net.layers) + len(net.layer)
    if not count:
        raise WeightsError(f"{path!r}: no Caffe network, or one without layers")
    if count > MAX_LAYERS:
        raise WeightsError(f"{path!r}: {count} layers; at most {MAX_LAYERS} are read")
    if any(layer.HasField("layer") for layer in net.layers):
        raise WeightsError(
            f"{path!r}: its layers are in Caffe's first encoding, of 2013 (a layer within each "
            "layer), which is not read; convert it with Caffe's upgrade_net_proto_binary"
        )
    return [
        CaffeLayer(x.name, _type_name(x.type), tuple(x.bottom), tuple(x.top), x)
        for x in (net.layers or net.layer)
    ]


class LayerGraph:
    """Which layer feeds which.

    Parameters
    ----------
    layers : list of CaffeLayer
        All layers of the network.
    """

    def __init__(self, layers: list[CaffeLayer]) -> None:
        self._producers: dict[str, list[CaffeLayer]] = {}
        self._in_place: dict[str, list[CaffeLayer]] = {}
        self._computing = [
            layer
            for layer in layers
            if layer.bottoms and not layer.is_in_place and not _only_looks(layer)
        ]
        for layer in layers:
            makers = self._in_place if layer.is_in_place else self._producers
            for blob in layer.tops:
                makers.setdefault(blob, []).append(layer)

    def path_to(self, layer: CaffeLayer) -> tuple[CaffeLayer, ...]:
        """Follow a layer's input back as far as it goes.

        Parameters
        ----------
        layer : CaffeLayer
            The layer at the end.

        Returns
        -------
        tuple of CaffeLayer
            What runs from the image, or from the first blob that is not made within the file,
            through `layer` to what works in place on its output. Layers that make data are left
            out, and so are those that do nothing at inference. Empty if a layer reads or a blob
            has more than one thing, so that there is no single path, or if the path has more than
            100 layers.
        """
        backwards = [x for blob in layer.tops for x in reversed(self._in_place.get(blob, []))]
        backwards.append(layer)
        for _ in range(_MAX_PATH):
            if len(layer.bottoms) != 1:
                return ()
            (blob,) = layer.bottoms
            backwards += reversed(self._in_place.get(blob, []))
            makers = [m for m in self._producers.get(blob, []) if not self._makes_data(m)]
            if not makers:
                forwards = reversed(backwards)
                return tuple(step for step in forwards if step.type not in _IDENTITIES)
            if len(makers) > 1:
                return ()
            (layer,) = makers
            backwards.append(layer)
        return ()

    def ends(self) -> list[CaffeLayer]:
        """Return the layers whose results no other layer computes with."""
        read = {blob for layer in self._computing for blob in layer.bottoms}
        return [layer for layer in self._computing if read.isdisjoint(layer.tops)]

    def _makes_data(self, layer: CaffeLayer) -> bool:
        """Tell whether a layer reads images, or parts pairs of them (of siamese networks)."""
        return not layer.bottoms or (
            layer.type == "Slice"
            and not any(maker.bottoms for maker in self._producers.get(layer.bottoms[0], []))
        )


def _only_looks(layer: CaffeLayer) -> bool:
    """Tell whether a layer only measures, as in training, or drops, what it reads."""
    return layer.type in ("Accuracy", "Silence", "ArgMax") or layer.type.endswith("Loss")


def clip(text: str) -> str:
    """Quote a name from a file for an error message, shortened if need be."""
    return repr(text) if len(text) <= 60 else repr(text[:57] + "...")


def _type_name(stored: str | int) -> str:
    """Name a layer's type: text in the current encoding, a number in the old one."""
    return stored if isinstance(stored, str) else V1_TYPES.get(stored, f"V1 type {stored}")
