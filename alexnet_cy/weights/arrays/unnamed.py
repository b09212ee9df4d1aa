"""Arrays without names, ``arr_0`` to ``arr_15``, as ``np.savez(path, *arrays)`` calls them.

Their order and shapes say what they are: a weight, and the bias behind it if there is one. The
length of the bias tells the order of axes, as it is the number of filters. Where convolutions are
(O, I, H, W) and fully connected layers (in, out), Theano or Lasagne wrote them, and whether their
kernels are turned round is not told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.weights.arrays.stored_arrays import StoredArray

__all__ = ["named_in_order"]

_UNNAMED = re.compile(r"arr_(\d{1,4})")


def named_in_order(path: str, arrays: Mapping[str, StoredArray]) -> Mapping[str, StoredArray]:
    """Name arrays by their order; what has names is handed on.

    Parameters
    ----------
    path : str
        What errors call the file.
    arrays : mapping of str to StoredArray
        By their names in the file.

    Returns
    -------
    mapping of str to StoredArray
        ``0.weight``, ``0.bias``, ``1.weight``, ..., or with the endings ``W`` and ``b`` if they
        are in TensorFlow's order of axes.

    Raises
    ------
    WeightsError
        What the arrays are cannot be told.
    """
    numbers = {name: _UNNAMED.fullmatch(name) for name in arrays}
    places = {int(match[1]): arrays[name] for name, match in numbers.items() if match}
    if not places or len(places) != len(arrays):
        return arrays
    layers: list[list[StoredArray]] = []
    for _, array in sorted(places.items()):
        if len(array.shape) > 1:
            layers.append([array])
        elif layers and len(layers[-1]) == 1:
            layers[-1].append(array)
        else:
            raise _unclear(path, "more than a bias stands behind a weight")
    found = {_has_outputs_last(*layer) for layer in layers} - {None}
    if len(found) != 1:
        raise _unclear(path, "their order of axes is not one that is known, or Theano's")
    weight, bias = ("W", "b") if found == {True} else ("weight", "bias")
    return {
        f"{place}.{kind}": array
        for place, layer in enumerate(layers)
        for kind, array in zip((weight, bias), layer, strict=False)
    }


def _has_outputs_last(weight: StoredArray, bias: StoredArray | None = None) -> bool | None:
    """Tell which axis is as long as the bias; None if none or both are."""
    if bias is None:
        return None
    is_first, is_last = (size == bias.shape[0] for size in (weight.shape[0], weight.shape[-1]))
    return is_last if is_first != is_last else None


def _unclear(path: str, why: str) -> WeightsError:
    return WeightsError(
        f"{path!r}: arrays without names, arr_0 ...: {why}; save them as conv1.weight, conv1.bias, "
        "... with numpy.savez(path, **arrays)"
    )
