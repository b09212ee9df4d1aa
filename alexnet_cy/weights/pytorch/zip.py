"""The zip container of a PyTorch checkpoint (torch 1.6 and later).

Members are stored, not compressed: ``<prefix>/data.pkl`` describes the tensors,
``<prefix>/data/<key>`` is one storage, ``<prefix>/byteorder`` says "little" or "big" (since 2.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.pickles.scan import MAX_PICKLE_BYTES
from alexnet_cy.weights.pytorch.checkpoint import Checkpoint, StoragePlace
from alexnet_cy.weights.pytorch.unpickler import load_pickle
from alexnet_cy.weights.zip_members import read_members

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.weights.files import WeightsFile
    from alexnet_cy.weights.zip_members import Member

__all__ = ["read_zip"]

MAX_BYTEORDER_BYTES = 16


def read_zip(file: WeightsFile) -> Checkpoint:
    """Read the description of the tensors and find their storages.

    Parameters
    ----------
    file : WeightsFile
        A zip file.

    Returns
    -------
    Checkpoint

    Raises
    ------
    WeightsError
        The archive is damaged or ambiguous, has members that are not stored plainly, or is no
        PyTorch checkpoint.
    """
    # torch.serialization.set_crc32_options(False) writes zeros, to all members alike.
    members = read_members(file, may_lack_checksums=True)
    if any(name.split("/")[-1] == "constants.pkl" for name in members):
        raise WeightsError(
            f"{file.path!r}: a TorchScript archive (torch.jit.save); save net.state_dict() with "
            "torch.save instead"
        )
    description = _find_description(file, members)
    prefix = description.name.removesuffix("data.pkl")
    _check_byteorder(file, members.get(f"{prefix}byteorder"))
    data = description.read(file, MAX_PICKLE_BYTES)
    unpickled = load_pickle(data, f"{file.path!r}: {description.name!r}")
    if unpickled.end != len(data):
        raise WeightsError(f"{file.path!r}: {description.name!r} goes on after its pickle's end")
    places = {}
    for key, storage in unpickled.storages.items():
        member = members.get(f"{prefix}data/{key}")
        if member is None:
            raise WeightsError(f"{file.path!r}: there is no member {f'{prefix}data/{key}'!r}")
        if member.size_bytes != storage.size_bytes:
            raise WeightsError(
                f"{file.path!r}: {member.name!r} has {member.size_bytes} bytes; "
                f"{storage.elements} numbers of type {storage.dtype} need {storage.size_bytes}"
            )
        places[key] = StoragePlace(member.offset_bytes, member.crc32)
    return Checkpoint("zip", unpickled.root, places)


def _find_description(file: WeightsFile, members: Mapping[str, Member]) -> Member:
    found = [member for name, member in members.items() if name.split("/")[-1] == "data.pkl"]
    if len(found) != 1:
        raise WeightsError(
            f"{file.path!r}: a zip file with {len(found)} members called data.pkl; a PyTorch "
            "checkpoint has one"
        )
    return found[0]


def _check_byteorder(file: WeightsFile, member: Member | None) -> None:
    if member is not None:
        order = member.read(file, MAX_BYTEORDER_BYTES)
        if order != b"little":
            raise WeightsError(f"{file.path!r}: byteorder {order!r}; only little-endian is read")
