"""Which variant a file of tensors is: the one asked for, the one that it tells, or a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from alexnet_cy.errors import AmbiguousVariantWarning, WeightsError
from alexnet_cy.network.architecture import Variant
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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.network.specs import Layer
    from alexnet_cy.weights.network_file import NetworkFile

__all__ = ["Choice", "choose_variant"]

Shapes: TypeAlias = "Mapping[str, tuple[int, ...]]"

# The formats whose files have the whole network, even where their readers only name it.
_WITH_GRAPH = frozenset({"caffemodel", "onnx"})
# The formats in which PyTorch's users keep a state dict and nothing about the network.
_STATE_DICTS = frozenset({"torch", "safetensors"})


class Choice(NamedTuple):
    """The variant of a file.

    Attributes
    ----------
    variant : Variant
        With the file's number of classes.
    note : str
        Which variants the file fits besides, or what was assumed; empty if nothing.
    warning : Warning or None
        What users must hear of.
    """

    variant: Variant
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
    shapes = {name: tensor.shape for name, tensor in content.tensors.items()}
    forced = None if asked is None else get_variant(asked)
    if content.network is not None:
        return Choice(_as_the_file_has_it(path, content.network, forced, shapes))
    if forced is not None:
        return _take_asked(path, content, forced, shapes, by_name=isinstance(asked, str))
    if content.variant is not None:
        told = VARIANTS.get(content.variant)
        if told is None:
            raise WeightsError(
                f"{path!r}: says it is of variant {content.variant[:80]!r}; the variants are "
                f"{', '.join(VARIANTS)}, and variant= forces one"
            )
        return Choice(_fit(path, content, told, shapes, "is the one the file tells of"))
    return _guess(path, content, shapes)


def _take_asked(
    path: str, content: NetworkFile, forced: Variant, shapes: Shapes, *, by_name: bool
) -> Choice:
    """Take the variant asked for; whoever has written it himself has chosen its preset."""
    is_other = content.variant not in (None, forced.name)
    if is_other and content.format in _WITH_GRAPH:
        raise WeightsError(
            f"{path!r}: its graph is that of variant {content.variant!r}, but {forced.name!r} was "
            "asked for; leave variant= out: the results of another variant would be wrong"
        )
    fitted = _fit(path, content, forced, shapes, "was asked for")
    if is_other:
        text = (
            f"{path!r} is of variant {content.variant!r}, but {forced.name!r} was asked for: "
            "the shapes are the same, the results are not"
        )
        return Choice(fitted, warning=UserWarning(text))
    doubt = _doubt_of_images(content, fitted) if by_name else ""
    return Choice(fitted, warning=UserWarning(f"{path!r}: {doubt}") if doubt else None)


def _as_the_file_has_it(
    path: str, network: Variant, forced: Variant | None, shapes: Shapes
) -> Variant:
    """Return the network of a file that describes it; another one is an error."""
    differences = [] if forced is None else differing_settings(network, forced)
    if forced is not None and differences:
        raise WeightsError(
            f"{path!r}: describes a network of its own, and variant {forced.name!r}, which was "
            f"asked for, is another one: {'; '.join(differences)}"
        )
    taken = network if forced is None else fit_classes(forced, shapes)
    mismatches = compare_shapes(taken.parameter_shapes(), shapes)
    if mismatches:
        raise WeightsError(f"{path!r}: does not fit its own network; {describe(mismatches)}")
    return taken


def _guess(path: str, content: NetworkFile, shapes: Shapes) -> Choice:
    """Choose the first of the named networks that are nearest to the file's shapes."""
    fitting = fitting_templates(shapes)
    if not fitting:
        closest = closest_variant(VARIANTS.values(), shapes)
        return Choice(_fit(path, content, closest, shapes, "is the closest"))
    chosen, *others = fitting
    doubt = _doubt_of_images(content, chosen)
    note = ""
    if others:
        names = ", ".join(repr(variant.name) for variant in others)
        note = (
            f"taken for {chosen.name!r}: the file does not tell it from {names}, which have the "
            "same shapes and give other results; variant= chooses one of them, or a Variant of "
            "your own"
        )
    elif not _has_named_trunk(chosen) or "model" in content.metadata:
        name = chosen.name.removesuffix(LIKE)
        note = (
            f"taken for a network like {name!r}: strides, padding, pooling and normalisation are "
            f"those of {name!r}, as the file has only tensors; variant={name!r} says that this is "
            "right, and a Variant of your own what else is"
        )
    text = "; ".join(part for part in (note, doubt) if part)
    if not text:
        return Choice(chosen)
    kind = AmbiguousVariantWarning if note else UserWarning
    return Choice(chosen, note, kind(f"{path!r}: {text}"))


def _has_named_trunk(network: Variant) -> bool:
    """Tell whether the layers up to the head are those of the network it is named after."""
    named = VARIANTS[network.name.removesuffix(LIKE)]
    trunk = _trunk(network)
    return trunk == _trunk(named)[: len(trunk)]


def _trunk(network: Variant) -> list[Layer]:
    return [layer for layer in network.layers if isinstance(layer, Conv | MaxPool | LRN)]


def _doubt_of_images(content: NetworkFile, variant: Variant) -> str:
    """Say what is in doubt about the images of a network that is PyTorch's; empty if nothing."""
    is_state_dict = content.variant is None and content.format in _STATE_DICTS
    if not is_state_dict or variant.channel_order != "BGR":
        return ""
    return (
        f"images are prepared as for {variant.name!r}, by preset {variant.preset!r} (BGR, 0 to "
        "255); a network that PyTorch trained wants preset='torchvision' most often"
    )


def _fit(path: str, content: NetworkFile, variant: Variant, shapes: Shapes, why: str) -> Variant:
    """Return the network that a variant makes of the shapes; WeightsError if it makes none."""
    mismatches = list_mismatches(variant, shapes)
    if not mismatches:
        return fit_classes(variant, shapes)
    fitting = fitting_templates(shapes)
    if variant == VARIANTS.get(variant.name):
        for network in fitting:
            if network.name.removesuffix(LIKE) == variant.name:
                return network
    names = [repr(network.name.removesuffix(LIKE)) for network in fitting]
    is_free = names and content.format not in _WITH_GRAPH
    advice = f"; it fits {', '.join(names)}, which variant= forces" if is_free else ""
    raise WeightsError(
        f"{path!r}: does not fit variant {variant.name!r}, which {why}{advice}; "
        f"{describe(mismatches)}"
    )
