"""From a state dict to canonical tensors: what every reader of plain tensors does in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from alexnet_cy.weights.key_names import canonical_names
from alexnet_cy.weights.naming.beside import without_buffers
from alexnet_cy.weights.naming.finish import finish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.network.architecture import Variant

__all__ = ["Assembled", "assemble", "has_names_of", "left_out"]

_MAX_LISTED = 20


class Assembled(NamedTuple):
    """The tensors of a file by canonical names.

    Attributes
    ----------
    tensors : mapping of str to TensorRef
    variant : str or None
        What the names tell.
    metadata : dict of str to str
        "normalisation": values beside the network that say how its images were normalised;
        "left_out": the tensors that are no layer's.
    """

    tensors: Mapping[str, TensorRef]
    variant: str | None
    metadata: dict[str, str]


def assemble(
    stored: Mapping[str, TensorRef],
    epsilons: Mapping[str, float] | None = None,
    network: Variant | None = None,
) -> Assembled:
    """Name the tensors of a file, leave out what is no weight, and put together what is in parts.

    Parameters
    ----------
    stored : mapping of str to TensorRef
        By their names in the file, in its order, with axes in the canonical order.
    epsilons : mapping of str to float, optional
        As of `finish`.
    network : Variant, optional
        The network that the file describes, whose layers may have any names.

    Raises
    ------
    WeightsError
        Two names mean the same tensor, there are two networks, or parts do not belong together.
    """
    if network is not None and has_names_of(network, stored):
        return Assembled(
            {name: stored[name] for name in network.parameter_shapes()},
            None,
            left_out(stored, network.parameter_shapes()),
        )
    kept, metadata = without_buffers(stored)
    names = canonical_names({name: tensor.shape for name, tensor in kept.items()})
    metadata |= left_out(kept, names.canonical)
    renamed = {canonical: kept[name] for name, canonical in names.canonical.items()}
    return Assembled(finish(renamed, epsilons), names.variant, metadata)


def has_names_of(network: Variant, stored: Mapping[str, object]) -> bool:
    """Tell whether there is a tensor by the name of each that a network needs."""
    return all(name in stored for name in network.parameter_shapes())


def left_out(stored: Mapping[str, object], canonical: Mapping[str, object]) -> dict[str, str]:
    """Return the piece of metadata that lists the names that were left out, if there are any."""
    names = [name[:80] for name in stored if name not in canonical]
    if not names:
        return {}
    listed = ", ".join(names[:_MAX_LISTED]) + (", ..." if len(names) > _MAX_LISTED else "")
    return {"left_out": listed}
