"""From a state dict to canonical tensors: what every reader of plain tensors does in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from alexnet_cy.weights.key_names import canonical_names
from alexnet_cy.weights.naming.beside import without_buffers
from alexnet_cy.weights.naming.finish import EPSILON, finish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.network.architecture import Variant

__all__ = ["NORMALISED_KEY", "Assembled", "Named", "assemble", "has_names_of", "name_tensors"]

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
    metadata |= _left_out(kept, names.canonical)
    by_name = {canonical: name for name, canonical in names.canonical.items()}
    normalised = [name for name in by_name if name.endswith(".running_mean")]
    if normalised:
        metadata[NORMALISED_KEY] = ", ".join(name.partition(".")[0] for name in normalised)
    return Named(by_name, names.variant, names.tensorflow_layout, metadata)


def assemble(
    stored: Mapping[str, TensorRef],
    epsilons: Mapping[str, float] | float = EPSILON,
    network: Variant | None = None,
) -> Assembled:
    """Name the tensors of a file, and put together what is in parts.

    Parameters
    ----------
    stored : mapping of str to TensorRef
        As of `name_tensors`, with axes in the canonical order.
    epsilons : mapping of str to float, or float
        As of `finish`.
    network : Variant, optional
        The network that the file describes, whose layers may have any names.

    Raises
    ------
    WeightsError
        As of `name_tensors`; or parts do not belong together.
    """
    if network is not None and has_names_of(network, stored):
        return Assembled(
            {name: stored[name] for name in network.parameter_shapes()},
            None,
            _left_out(stored, network.parameter_shapes()),
        )
    named = name_tensors(stored)
    tensors = {canonical: stored[name] for canonical, name in named.stored.items()}
    return Assembled(finish(tensors, epsilons), named.variant, named.metadata)


def has_names_of(network: Variant, stored: Mapping[str, object]) -> bool:
    """Tell whether there is a tensor by the name of each that a network needs."""
    return all(name in stored for name in network.parameter_shapes())


def _left_out(stored: Mapping[str, object], canonical: Mapping[str, object]) -> dict[str, str]:
    """Return the piece of metadata that lists the names that were left out, if there are any."""
    names = [name[:80] for name in stored if name not in canonical]
    if not names:
        return {}
    listed = ", ".join(names[:_MAX_LISTED]) + (", ..." if len(names) > _MAX_LISTED else "")
    return {"left_out": listed}
