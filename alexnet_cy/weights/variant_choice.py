"""Which variant a file of tensors is: the one asked for, the one that it tells, or a guess."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from alexnet_cy.errors import AmbiguousVariantWarning, WeightsError
from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.matching import closest_variant, describe, fit_classes, list_mismatches
from alexnet_cy.network.variants import VARIANTS, get_variant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.contracts.tensors import NetworkFile

__all__ = ["Choice", "choose_variant"]

# The formats whose files have the whole network, layer by layer.
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
        Which variants the file fits besides; empty if none.
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
    if asked is not None:
        return _take_asked(path, content, asked, shapes)
    if content.variant is not None:
        told = VARIANTS.get(content.variant)
        if told is None:
            raise WeightsError(
                f"{path!r}: says it is of variant {content.variant[:80]!r}; the variants are "
                f"{', '.join(VARIANTS)}, and variant= forces one"
            )
        _check_fit(path, content, told, shapes, "is the one the file tells of")
        return Choice(fit_classes(told, shapes))
    return _guess(path, content, shapes)


def _take_asked(
    path: str,
    content: NetworkFile,
    asked: str | Variant,
    shapes: Mapping[str, tuple[int, ...]],
) -> Choice:
    """Take the variant asked for, unless the file's graph contradicts it."""
    forced = get_variant(asked) if isinstance(asked, str) else asked
    is_other = content.variant not in (None, forced.name)
    if is_other and content.format in _WITH_GRAPH:
        raise WeightsError(
            f"{path!r}: its graph is that of variant {content.variant!r}, but {forced.name!r} was "
            "asked for; leave variant= out: the results of another variant would be wrong"
        )
    _check_fit(path, content, forced, shapes, "was asked for")
    doubt = _doubt_of_images(content, forced) if isinstance(asked, str) else ""
    warning = UserWarning(f"{path!r}: {doubt}") if doubt else None
    if is_other:
        warning = UserWarning(
            f"{path!r} is of variant {content.variant!r}, but {forced.name!r} was asked for: "
            "the shapes are the same, the results are not"
        )
    return Choice(fit_classes(forced, shapes), warning=warning)


def _guess(path: str, content: NetworkFile, shapes: Mapping[str, tuple[int, ...]]) -> Choice:
    """Choose the first variant that has the file's shapes."""
    fitting = _fitting(shapes)
    if not fitting:
        closest = closest_variant(VARIANTS.values(), shapes)
        _check_fit(path, content, closest, shapes, "is the closest")
    chosen, *others = fitting
    fitted = fit_classes(chosen, shapes)
    doubt = _doubt_of_images(content, chosen)
    if not others:
        return Choice(fitted, warning=UserWarning(f"{path!r}: {doubt}") if doubt else None)
    names = ", ".join(repr(variant.name) for variant in others)
    note = (
        f"taken for {chosen.name!r}: the file does not tell it from {names}, which have the same "
        "shapes and give other results; variant= chooses one of them, or a Variant of your own"
    )
    text = f"{path!r}: {note}; {doubt}" if doubt else f"{path!r}: {note}"
    return Choice(fitted, note, AmbiguousVariantWarning(text))


def _doubt_of_images(content: NetworkFile, variant: Variant) -> str:
    """Say what is in doubt about the images of a network that is PyTorch's; empty if nothing."""
    is_state_dict = content.variant is None and content.format in _STATE_DICTS
    if not is_state_dict or variant.channel_order != "BGR":
        return ""
    return (
        f"images are prepared as for {variant.name!r}, by preset {variant.preset!r} (BGR, 0 to "
        "255); a network that PyTorch trained wants preset='torchvision' most often"
    )


def _fitting(shapes: Mapping[str, tuple[int, ...]]) -> list[Variant]:
    return [variant for variant in VARIANTS.values() if not list_mismatches(variant, shapes)]


def _check_fit(
    path: str,
    content: NetworkFile,
    variant: Variant,
    shapes: Mapping[str, tuple[int, ...]],
    why: str,
) -> None:
    mismatches = list_mismatches(variant, shapes)
    if not mismatches:
        return
    names = [repr(other.name) for other in _fitting(shapes)]
    is_free = names and content.format not in _WITH_GRAPH
    advice = f"; it fits {', '.join(names)}, which variant= forces" if is_free else ""
    raise WeightsError(
        f"{path!r}: does not fit variant {variant.name!r}, which {why}{advice}; "
        f"{describe(mismatches)}"
    )
