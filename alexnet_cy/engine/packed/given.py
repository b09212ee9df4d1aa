"""The weights that a network is given, arrays or tensors of a file, checked against its variant."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from numpy.typing import ArrayLike

from alexnet_cy.contracts.arrays import Float32Array, as_array, first_nonfinite
from alexnet_cy.contracts.tensors import ArrayTensor, TensorRef
from alexnet_cy.engine.arrays import as_float32
from alexnet_cy.network import VARIANTS, Variant
from alexnet_cy.network.matching import compare_shapes, describe, fit_classes

__all__ = ["given_tensors"]


def given_tensors(
    weights: Mapping[str, ArrayLike | TensorRef],
    variant: Variant,
    *,
    allow_nonfinite: bool = False,
    layers: Collection[str] | None = None,
) -> dict[str, TensorRef]:
    """Check every tensor against the variant; wrap arrays so that they read like files.

    Parameters
    ----------
    weights : mapping of str to array_like or TensorRef
        "conv1.weight" (O, I / groups, R, S), ..., as `Variant.parameter_shapes` has them.
    variant : Variant
    allow_nonfinite : bool
        Take arrays with NaN or infinity. Tensors of a file were opened with an answer of their own.
    layers : collection of str, optional
        The layers whose tensors are needed, and no others; all layers if left out.

    Returns
    -------
    dict of str to TensorRef
        In the order of the variant; arrays are not copied.

    Raises
    ------
    TypeError
        An array is not of floating-point numbers.
    ValueError
        A tensor is missing, superfluous or of another shape; the message lists all of them. Or a
        number is not finite; the message names the tensor and the first place.
    """
    wanted = {
        name: shape
        for name, shape in variant.parameter_shapes().items()
        if layers is None or name.partition(".")[0] in layers
    }
    tensors, shapes = {}, {}
    for name, value in weights.items():
        if name not in wanted:
            shapes[str(name)] = _shape(value, str(name))
        elif value is not None:
            tensors[name] = _tensor(value, name, len(wanted[name]))
            shapes[name] = tensors[name].shape
    mismatches = compare_shapes(wanted, shapes)
    if mismatches:
        raise ValueError(
            f"weights do not fit variant {variant.name!r}: {describe(mismatches)}"
            f"{_advice(variant, shapes)}"
        )
    if not allow_nonfinite:
        for name in wanted:
            if not isinstance(weights[name], TensorRef):
                _check_finite(name, tensors[name].read())
    return {name: tensors[name] for name in wanted}


def _shape(value: ArrayLike | TensorRef, name: str) -> tuple[int, ...]:
    return value.shape if isinstance(value, TensorRef) else as_array(value, name).shape


def _advice(variant: Variant, shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Say what else to call, where these weights are those of a network that could be had."""
    resized = fit_classes(variant, shapes)
    if resized is not variant and not compare_shapes(resized.parameter_shapes(), shapes):
        known = f"VARIANTS[{variant.name!r}]" if variant.name in VARIANTS else "the variant"
        n_classes = resized.num_classes
        return f"\nThey have {n_classes} classes: pass {known}.with_num_classes({n_classes})."
    if shapes and not shapes.keys() & variant.parameter_shapes().keys():
        return (
            "\nAlexNet.load(path) reads a file of these, and understands the names of other "
            "frameworks, and files of the convolutions alone."
        )
    return ""


def _check_finite(name: str, array: Float32Array) -> None:
    index = first_nonfinite(array)
    if index is not None:
        raise ValueError(
            f"{name}: the value at {index} is {array[tuple(index)]}; weights must be finite "
            "(allow_nonfinite=True takes them all the same)"
        )


def _tensor(value: ArrayLike | TensorRef, name: str, rank: int) -> TensorRef:
    if isinstance(value, TensorRef):
        return value
    layout = {4: "(O, I / groups, R, S)", 2: "(out, in)", 1: "(out,)"}[rank]
    return ArrayTensor(as_float32(value, name, rank, layout))
