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
from alexnet_cy.weights.zip_members import member_names, read_members

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alexnet_cy.weights.files import WeightsFile
    from alexnet_cy.weights.zip_members import Member

__all__ = ["description_of_arrays", "read_zip"]

MAX_BYTEORDER_BYTES = 16

_WEIGHT_ENDINGS = (
    *(".pth", ".pt", ".tar", ".ckpt", ".pkl", ".bin", ".safetensors", ".caffemodel", ".onnx"),
    *(".h5", ".hdf5", ".mat", ".params", ".pdparams", ".weights", ".npz", ".zip"),
)


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
    members = _members(file)
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


def _members(file: WeightsFile) -> dict[str, Member]:
    """Return the members of what may be a checkpoint."""
    kind = _other_kind(member_names(file))
    if kind is not None:
        raise WeightsError(f"{file.path!r}: {kind}")
    # torch.serialization.set_crc32_options(False) writes zeros, to all members alike.
    return read_members(file, may_lack_checksums=True)


def _other_kind(names: list[str]) -> str | None:
    """Say what a zip file is that is no PyTorch checkpoint, and what to do; None if it may be."""
    endings = {name.split("/")[-1] for name in names}
    if "constants.pkl" in endings:
        return (
            "a TorchScript archive (torch.jit.save); save net.state_dict() with torch.save instead"
        )
    if "archive_format" in endings or "serialized_exported_program.json" in endings:
        return (
            "an exported program (torch.export.save, .pt2); save program.state_dict with "
            "torch.save instead"
        )
    if "model.weights.h5" in endings:
        return (
            "a Keras archive (.keras); unpack it, and load the model.weights.h5 in it, or write "
            "that with model.save_weights"
        )
    inner = next((name for name in names if name.lower().endswith(_WEIGHT_ENDINGS)), None)
    if inner is not None and "data.pkl" not in endings:
        return f"a zip file with {inner[:80]!r} in it; unpack it first"
    return None


def description_of_arrays(file: WeightsFile) -> Member | None:
    """Return a description that is none of tensors, but a pickle with NumPy arrays in it.

    Raises
    ------
    WeightsError
        As of `read_zip`.
    """
    members = _members(file)
    description = _find_description(file, members)
    if description.size_bytes > MAX_PICKLE_BYTES:
        return description
    has_arrays = b"_reconstruct" in description.read(file, MAX_PICKLE_BYTES)
    storages = description.name.removesuffix("data.pkl") + "data/"
    has_tensors = any(name.startswith(storages) for name in members)
    return description if has_arrays and not has_tensors else None


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
