"""Whether tensors fit a variant: the comparison of their shapes with those that it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from alexnet_cy.network.architecture import Variant
from alexnet_cy.network.bounds import MAX_CLASSES
from alexnet_cy.network.specs import Shape

__all__ = [
    "closest_variant",
    "compare_shapes",
    "describe",
    "fit_classes",
    "list_mismatches",
]

# How many lines of an error message the differences may take; AlexNet has 16 tensors.
_MAX_LINES = 64
_MAX_NAME_CHARACTERS = 80

Shapes: TypeAlias = Mapping[str, Shape]


def compare_shapes(expected: Shapes, shapes: Shapes) -> list[str]:
    """Compare tensors with those of a network.

    Parameters
    ----------
    expected : mapping of str to tuple of int
        As `Variant.parameter_shapes` returns it.
    shapes : mapping of str to tuple of int
        The shape of each tensor that there is, by name.

    Returns
    -------
    list of str
        One line for each tensor that is missing, of another shape, or not part of the network;
        where the shape suggests what happened, the line says so.
    """
    lines = []
    for name, wanted in expected.items():
        if name not in shapes:
            lines.append(f"{name}: expected {wanted}, missing")
        elif shapes[name] != wanted:
            hint = _hint(name, wanted, shapes[name])
            lines.append(f"{name}: expected {wanted}, got {shapes[name]}{hint}")
    for name, shape in shapes.items():
        if name not in expected:
            lines.append(f"{name[:_MAX_NAME_CHARACTERS]!r}: not expected, got {shape}")
    return lines


def fit_classes(variant: Variant, shapes: Shapes) -> Variant:
    """Return the variant with the number of classes that the last layer of the tensors has.

    The bias says it, as it cannot be transposed; without one the weight does. A number that no
    network can have leaves the variant as it is.
    """
    if variant.classifier is None:
        return variant
    head = variant.classifier.name
    for name, rank in ((f"{head}.bias", 1), (f"{head}.weight", 2)):
        shape = shapes.get(name, ())
        if len(shape) == rank and 1 <= shape[0] <= MAX_CLASSES:
            return variant.with_num_classes(shape[0])
    return variant


def list_mismatches(variant: Variant, shapes: Shapes) -> list[str]:
    """Compare every tensor with the variant, as `compare_shapes`; the number of classes is free."""
    return compare_shapes(fit_classes(variant, shapes).parameter_shapes(), shapes)


def closest_variant(variants: Iterable[Variant], shapes: Shapes) -> Variant:
    """Return the variant from which the fewest tensors differ, the first of them if several do."""
    return min(variants, key=lambda variant: len(list_mismatches(variant, shapes)))


def describe(mismatches: list[str]) -> str:
    """Return the mismatches as the end of an error message: how many, and a line for each."""
    lines = mismatches[:_MAX_LINES]
    if len(mismatches) > _MAX_LINES:
        lines.append(f"and {len(mismatches) - _MAX_LINES} more")
    return f"{len(mismatches)} tensors differ:" + "".join(f"\n  {line}" for line in lines)


def _hint(name: str, wanted: Shape, got: Shape) -> str:
    """Say what may have happened to a tensor of the wrong shape."""
    if len(wanted) == 1 and got[:1] > (MAX_CLASSES,):
        return f" (more than {MAX_CLASSES} classes)"
    if len(wanted) == 2 and got == wanted[::-1]:
        return " (transposed)"
    if name == "fc6.weight" and got[:1] == wanted[:1]:
        return " (made for images of another size)"
    if len(wanted) == 4 and len(got) == 4 and wanted[:1] + wanted[2:] == got[:1] + got[2:]:
        if got[1] == 2 * wanted[1]:
            return " (a network without groups)"
        if wanted[1] == 2 * got[1]:
            return " (a network with two groups)"
    if len(wanted) == 4 and sorted(got) == sorted(wanted):
        return " (another order of axes)"
    return ""
