"""Which variant a file of tensors is: the one asked for, the one that it tells, or a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from alexnet_cy.contracts.tensors import ArrayTensor, TensorRef
from alexnet_cy.errors import AmbiguousVariantWarning, WeightsError
from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.bounds import MAX_CLASSES
from alexnet_cy.network.matching import (
    closest_variant,
    compare_shapes,
    describe,
    fit_classes,
    list_mismatches,
)
from alexnet_cy.network.recognition import differing_settings
from alexnet_cy.network.specs import LRN, Conv, MaxPool
from alexnet_cy.network.templates import LIKE, fitting_templates
from alexnet_cy.network.variants import VARIANTS, get_variant
from alexnet_cy.weights.graphs.input_arithmetic import NOTE_KEY
from alexnet_cy.weights.naming.assemble import NORMALISED_KEY
from alexnet_cy.weights.naming.lineage import from_torchvision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.network.specs import Layer
    from alexnet_cy.weights.network_file import NetworkFile

__all__ = ["Choice", "choose_variant"]

# The formats whose files have the whole network, layer by layer.
_WITH_GRAPH = frozenset({"caffemodel", "matconvnet", "onnx"})
# The formats in which PyTorch's users keep a state dict and nothing about the network.
_STATE_DICTS = frozenset({"torch", "safetensors"})


Shapes: TypeAlias = "Mapping[str, tuple[int, ...]]"
_Decision: TypeAlias = tuple[Variant, str, "Warning | None"]


class Choice(NamedTuple):
    """The variant of a file.

    Attributes
    ----------
    variant : Variant
        With the file's number of classes.
    tensors : mapping of str to TensorRef
        One for each entry of ``variant.parameter_shapes()``, in that order and of that shape.
    note : str
        Which variants the file fits besides; empty if none.
    warning : Warning or None
        What users must hear of.
    """

    variant: Variant
    tensors: Mapping[str, TensorRef]
    note: str = ""
    warning: Warning | None = None


def choose_variant(path: str, content: NetworkFile, asked: str | Variant | None) -> Choice:
    """Choose the variant of a file, and compare every shape with it.

    Parameters
    ----------
    path : str
        What messages call the file.
    content : NetworkFile
        What its reader found.
    asked : str or Variant, optional
        What the user asked for.

    Raises
    ------
    ValueError, WeightsError
        As of `loader.open_network`.
    """
    tensors = _with_biases(content.tensors)
    forced = None if asked is None else get_variant(asked)
    if forced is not None:
        tensors = _in_names_of(forced, tensors)
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    warning: Warning | None
    if content.network is not None:
        variant, note, warning = _as_described(path, content.network, forced, shapes), "", None
        if NOTE_KEY in content.metadata:
            warning = UserWarning(f"{path!r}: {content.metadata[NOTE_KEY]}")
    elif forced is not None:
        variant, note, warning = _take_asked(path, content, forced, shapes)
        if warning is None and isinstance(asked, str):  # a Variant says what it wants
            doubt = _doubt_of_images(content, variant)
            warning = UserWarning(f"{path!r}: {doubt}") if doubt else None
    elif content.variant is not None and not content.is_guess:
        variant, note, warning = _as_told(path, content, content.variant, shapes), "", None
    else:
        variant, note, warning = _guess(path, content, shapes)
    in_order = {name: tensors[name] for name in variant.parameter_shapes()}
    return Choice(variant, in_order, note, warning)


def _in_names_of(variant: Variant, tensors: Mapping[str, TensorRef]) -> Mapping[str, TensorRef]:
    """Name tensors as a variant's layers are called, where they are the same ones in its order.

    Other names than conv1 to fc8 are replaced when a file is read. The number of classes is free.
    """
    own = variant.parameter_shapes()
    if len(own) != len(tensors) or all(name in tensors for name in own):
        return tensors
    pairs = list(zip(own.items(), tensors.items(), strict=True))
    for (wanted, shape), (name, tensor) in pairs:
        alike = wanted.rpartition(".")[2] == name.rpartition(".")[2]
        if not alike or tensor.shape[1:] != shape[1:]:
            return tensors
    return {wanted: tensor for (wanted, _), (_, tensor) in pairs}


def _as_described(path: str, network: Variant, forced: Variant | None, shapes: Shapes) -> Variant:
    """Return the network of a file that describes it; another one is an error."""
    if forced is not None:
        differences = differing_settings(network, forced)
        if differences:
            raise WeightsError(
                f"{path!r}: describes its network, {network.name!r}, and {forced.name!r}, which "
                f"was asked for, is another: {'; '.join(differences[:6])}; leave variant= out: "
                "the results of another network would be wrong"
            )
        network = fit_classes(forced, shapes)
    mismatches = compare_shapes(network.parameter_shapes(), shapes)
    if mismatches:
        raise WeightsError(f"{path!r}: does not fit the network it has; {describe(mismatches)}")
    return network


def _as_told(path: str, content: NetworkFile, name: str, shapes: Shapes) -> Variant:
    """Return the variant that a file names."""
    told = VARIANTS.get(name)
    if told is None:
        raise WeightsError(
            f"{path!r}: says it is of variant {name[:80]!r}; the variants are "
            f"{', '.join(VARIANTS)}, and variant= forces one"
        )
    is_free = content.format not in _WITH_GRAPH
    return _fit(path, told, shapes, "is the one the file tells of", advise=is_free)


def _take_asked(path: str, content: NetworkFile, forced: Variant, shapes: Shapes) -> _Decision:
    """Take the variant asked for."""
    if content.format in _WITH_GRAPH and content.variant not in (None, forced.name):
        raise WeightsError(
            f"{path!r}: its graph is that of variant {content.variant!r}, but {forced.name!r} was "
            "asked for; leave variant= out: the results of another variant would be wrong"
        )
    variant = _fit(path, forced, shapes, "was asked for")
    warning = None
    if content.variant not in (None, forced.name) and not content.is_guess:
        warning = UserWarning(
            f"{path!r} is of variant {content.variant!r}, but {forced.name!r} was asked for: "
            "the shapes are the same, the results are not"
        )
    return variant, "", warning


def _guess(path: str, content: NetworkFile, shapes: Shapes) -> _Decision:
    """Choose the network that the names suggest, or the first of those nearest to the shapes."""
    fitting = fitting_templates(shapes, with_lrn=NORMALISED_KEY not in content.metadata)
    if content.variant is not None:
        try:
            fitting = (_as_told(path, content, content.variant, shapes),)
        except WeightsError:
            if not fitting:
                raise
    if not fitting:
        closest = closest_variant(VARIANTS.values(), shapes)
        return _fit(path, closest, shapes, "is the closest"), "", None
    chosen, *others = fitting
    mismatches = compare_shapes(chosen.parameter_shapes(), shapes)
    if mismatches:  # the bias of one layer among many; a template needs none
        raise WeightsError(f"{path!r}: does not fit {chosen.name!r}; {describe(mismatches)}")
    doubt, note, name = _doubt_of_images(content, chosen), "", _base(chosen)
    if others:
        names = ", ".join(repr(_base(variant)) for variant in others)
        note = (
            f"taken for {name!r}: the file does not tell it from {names}, which have the "
            "same shapes and give other results; variant= chooses one of them, or a Variant of "
            "your own"
        )
    elif "model" in content.metadata or not _are_of(chosen, content.tensors):
        like = "" if _has_named_trunk(chosen) else "a network like "
        note = (
            f"taken for {like}{name!r}: strides, padding, pooling and normalisation are "
            f"those of {name!r}, as the file has only tensors; variant={name!r} says that this is "
            "right, and a Variant of your own what else is"
        )
    text = "; ".join(part for part in (note, doubt) if part)
    if not text:
        return chosen, "", None
    kind = AmbiguousVariantWarning if note else UserWarning
    return chosen, note, kind(f"{path!r}: {text}")


def _are_of(network: Variant, tensors: Mapping[str, TensorRef]) -> bool:
    """Tell whether the numbers show that the weights are those of the network."""
    return _base(network) == "torchvision" and from_torchvision(tensors)


def _has_named_trunk(network: Variant) -> bool:
    """Tell whether the layers up to the head are those of the network it is named after."""
    named = VARIANTS[network.name.removesuffix(LIKE)]
    trunk = _trunk(network)
    return trunk == _trunk(named)[: len(trunk)]


def _trunk(network: Variant) -> list[Layer]:
    return [layer for layer in network.layers if isinstance(layer, Conv | MaxPool | LRN)]


def _doubt_of_images(content: NetworkFile, variant: Variant) -> str:
    """Say what is in doubt about the images of a network that is PyTorch's; empty if nothing."""
    is_noted = content.variant is not None and not content.is_guess
    if is_noted or content.format not in _STATE_DICTS or variant.channel_order != "BGR":
        return ""
    return (
        f"images are prepared as for {_base(variant)!r}, by preset {variant.preset!r} (BGR, 0 to "
        "255); a network that PyTorch trained wants preset='torchvision' most often"
    )


def _fit(path: str, variant: Variant, shapes: Shapes, why: str, *, advise: bool = True) -> Variant:
    """Return the network that a variant makes of the shapes; WeightsError if it makes none."""
    mismatches = list_mismatches(variant, shapes)
    if not mismatches:
        return fit_classes(variant, shapes)
    fitting = fitting_templates(shapes)
    if variant == VARIANTS.get(variant.name):
        for network in fitting:
            if _base(network) == variant.name:
                return network
    names = [repr(_base(network)) for network in fitting]
    advice = f"; it fits {', '.join(names)}, which variant= forces" if names and advise else ""
    raise WeightsError(
        f"{path!r}: does not fit variant {variant.name!r}, which {why}{advice}; "
        f"{describe(mismatches)}"
    )


def _base(variant: Variant) -> str:
    return variant.name.removesuffix(LIKE)


def _with_biases(tensors: Mapping[str, TensorRef]) -> Mapping[str, TensorRef]:
    """Add biases of zero where no layer of a kind, convolution or fully connected, has any."""
    complete = dict(tensors)
    for kind in ("conv", "fc"):
        names = [name for name in tensors if name.startswith(kind)]
        if any(name.endswith(".bias") for name in names):
            continue
        for name in names:
            layer, _, ending = name.rpartition(".")
            shape = tensors[name].shape
            if ending == "weight" and shape and 0 < shape[0] <= MAX_CLASSES:
                complete[f"{layer}.bias"] = ArrayTensor(np.zeros(shape[0], np.float32))
    return complete
