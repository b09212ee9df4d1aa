"""The weights that a network is given, arrays or tensors of a file, checked against its variant."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from alexnet_cy.contracts.tensors import TensorRef, array_tensor
from alexnet_cy.engine.arrays import as_float32
from alexnet_cy.network import Variant

__all__ = ["given_tensors"]


def given_tensors(
    weights: Mapping[str, ArrayLike | TensorRef], variant: Variant
) -> dict[str, TensorRef]:
    """Check every tensor against the variant; wrap arrays so that they read like files.

    Parameters
    ----------
    weights : mapping of str to array_like or TensorRef
        "conv1.weight" (O, I / groups, R, S), ..., as `Variant.parameter_shapes` has them.
    variant : Variant

    Returns
    -------
    dict of str to TensorRef
        In the order of the variant; arrays are not copied.

    Raises
    ------
    TypeError, ValueError
        A tensor is missing, superfluous or of another shape; the message lists all of them.
    """
    wanted = variant.parameter_shapes()
    tensors, problems = {}, []
    for name, shape in wanted.items():
        value = weights.get(name)
        if value is None:
            problems.append(f"{name} is missing, need shape {shape}")
            continue
        if not isinstance(value, TensorRef):
            layout = {4: "(O, I / groups, R, S)", 2: "(out, in)", 1: "(out,)"}[len(shape)]
            value = array_tensor(as_float32(value, name, len(shape), layout))
        if value.shape != shape:
            problems.append(f"{name} has shape {value.shape}, need {shape}")
        tensors[name] = value
    problems += [f"{name} is not in the network" for name in weights if name not in wanted]
    if problems:
        raise ValueError(f"weights do not fit variant {variant.name!r}: " + "; ".join(problems))
    return tensors
