"""From a state dict to canonical tensors: what every reader of plain tensors does in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from alexnet_cy.weights.key_names import canonical_names
from alexnet_cy.weights.naming.beside import without_buffers
from alexnet_cy.weights.naming.finish import finish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.contracts.tensors import TensorRef

__all__ = ["NORMALISED_KEY", "Assembled", "Named", "assemble", "name_tensors"]

NORMALISED_KEY = "batch_normalised"
"""The piece of metadata that lists the layers with a batch normalisation, which are folded."""

_MAX_LISTED = 20


class Named(NamedTuple):
    """What the tensors of a file are.

    Attributes
    ----------
    stored : mapping of str to str
        The name in the file of each canonical name.
    variant : str or None
        What the names suggest.
    tensorflow_layout : bool
        Whether names of this kind go with TensorFlow's order of axes.
    metadata : dict of str to str
        "normalisation": values beside the network that say how its images were normalised;
        "left_out": the tensors that are no layer's; `NORMALISED_KEY`.
    """

    stored: Mapping[str, str]
    variant: str | None
    tensorflow_layout: bool
    metadata: dict[str, str]


class Assembled(NamedTuple):
    """The tensors of a file by canonical names, put together; else as `Named`."""

    tensors: Mapping[str, TensorRef]
    variant: str | None
    metadata: dict[str, str]


def name_tensors(stored: Mapping[str, TensorRef]) -> Named:
    """Name the tensors of a file, and leave out what is no weight.

    Parameters
    ----------
    stored : mapping of str to TensorRef
        By their names in the file, in its order.

    Raises
    ------
    WeightsError
        Two names mean the same tensor, there are two networks, or a batch normalisation is not
        behind a layer.
    """
    kept, metadata = without_buffers(stored)
    names = canonical_names({name: tensor.shape for name, tensor in kept.items()})
    without = [name[:80] for name in kept if name not in names.canonical]
    if without:
        metadata["left_out"] = ", ".join(without[:_MAX_LISTED])
        metadata["left_out"] += ", ..." * (len(without) > _MAX_LISTED)
    by_name = {canonical: name for name, canonical in names.canonical.items()}
    normalised = [name for name in by_name if name.endswith(".running_mean")]
    if normalised:
        metadata[NORMALISED_KEY] = ", ".join(name.partition(".")[0] for name in normalised)
    return Named(by_name, names.variant, names.tensorflow_layout, metadata)


def assemble(
    stored: Mapping[str, TensorRef], epsilons: Mapping[str, float] | None = None
) -> Assembled:
    """Name the tensors of a file, and put together what is in parts.

    Parameters
    ----------
    stored : mapping of str to TensorRef
        As of `name_tensors`, with axes in the canonical order.
    epsilons : mapping of str to float, optional
        As of `finish`.

    Raises
    ------
    WeightsError
        As of `name_tensors`; or parts do not belong together.
    """
    named = name_tensors(stored)
    tensors = {canonical: stored[name] for canonical, name in named.stored.items()}
    return Assembled(finish(tensors, epsilons), named.variant, named.metadata)
