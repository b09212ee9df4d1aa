"""What every reader returns: the tensors of a file by name, none of them read yet.

A reader looks at the structure of a file (headers, indices, names, the graph if there is one) and
hands back one `NetworkFile`. Its tensors carry canonical names and the layouts of the package, so
whoever reads one needs to know nothing of the format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_cy.contracts.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.network.architecture import Variant

__all__ = ["NetworkFile"]


@record(frozen=True, slots=True)
class NetworkFile:
    """A weight file whose structure has been read and checked, and whose tensors have not.

    Attributes
    ----------
    format : str
        ``"caffemodel"``, ``"safetensors"``, ``"npy"``, ...
    tensors : mapping of str to TensorRef
        ``"conv1.weight"`` (O, I/groups, kh, kw), ..., ``"fc8.weight"`` (out, in; the inputs of
        fc6 in C, H, W order), ``"fc8.bias"`` (O,).
    variant : str or None
        Name of the variant that the file itself tells of; None if it cannot know.
    metadata : mapping of str to str
        What else the file says of itself.
    network : Variant or None
        The network with all of its layers and settings, if the file has them; None if it has
        tensors only.
    is_guess : bool
        Whether `variant` is no more than what the names of the tensors suggest.
    """

    format: str
    tensors: Mapping[str, TensorRef]
    variant: str | None
    metadata: Mapping[str, str]
    network: Variant | None = None
    is_guess: bool = False
