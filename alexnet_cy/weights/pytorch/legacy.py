"""The container that torch.save wrote before torch 1.6.

Five pickles lie one after the other: a magic number, a protocol number, facts of the machine, the
object, and the list of the storages' keys. The storages follow in the order of that list, which is
sorted by key and not the order of the state dict: each a 64-bit count and the raw numbers, aligned
to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.pickles.scan import MAX_PICKLE_BYTES
from alexnet_cy.weights.pytorch.checkpoint import Checkpoint, StoragePlace
from alexnet_cy.weights.pytorch.unpickler import load_pickle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alexnet_cy.weights.files import WeightsFile
    from alexnet_cy.weights.pytorch.stored import Storage
    from alexnet_cy.weights.pytorch.unpickler import Unpickled

__all__ = ["read_legacy"]

# torch/serialization.py: MAGIC_NUMBER, PROTOCOL_VERSION.
MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001

_COUNT_BYTES = 8
_USUAL_PICKLE_BYTES = 1 << 15  # torchvision's AlexNet: 2 KiB, with an optimiser 7 KiB


def read_legacy(file: WeightsFile) -> Checkpoint:
    """Read the description of the tensors and find their storages.

    Parameters
    ----------
    file : WeightsFile
        A file that begins with a pickle.

    Returns
    -------
    Checkpoint

    Raises
    ------
    WeightsError
        The file is cut off or garbled, or was not written by torch.save.
    """
    pickles = _pickles(file)
    if next(pickles).root != MAGIC_NUMBER:
        raise WeightsError(f"{file.path!r}: a pickle, but not one that torch.save wrote")
    protocol = next(pickles).root
    if protocol != PROTOCOL_VERSION:
        raise WeightsError(
            f"{file.path!r}: a torch.save file of protocol {protocol!r}; {PROTOCOL_VERSION} is read"
        )
    machine = next(pickles).root
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise WeightsError(f"{file.path!r}: not written on a little-endian machine")
    described = next(pickles)
    listed = next(pickles)
    places = _locate(file, described.storages, listed.root, listed.end)
    return Checkpoint("legacy", described.root, places)


def _pickles(file: WeightsFile) -> Iterator[Unpickled]:
    head = file.head(_USUAL_PICKLE_BYTES)
    end = 0
    for what in ("magic number", "protocol", "machine", "description", "list of storages"):
        where = f"{file.path!r}: {what}"
        try:
            unpickled = load_pickle(head, where, end)
        except WeightsError:
            if len(head) == min(MAX_PICKLE_BYTES, file.size_bytes):
                raise
            head = file.head(MAX_PICKLE_BYTES)
            unpickled = load_pickle(head, where, end)
        end = unpickled.end
        yield unpickled


def _locate(
    file: WeightsFile, storages: Mapping[str, Storage], keys: object, offset_bytes: int
) -> dict[str, StoragePlace]:
    """Follow the storages through the file; each must be as long as the description says."""
    if not isinstance(keys, list) or set(storages) != set(map(_as_key, keys)):
        raise WeightsError(f"{file.path!r}: the list of storages is not the list of those in use")
    if len(keys) != len(storages):
        raise WeightsError(f"{file.path!r}: the list of storages names one twice")
    places = {}
    for key in keys:
        storage = storages[key]
        count = int.from_bytes(file.read_bytes(offset_bytes, _COUNT_BYTES), "little", signed=True)
        if count != storage.elements:
            raise WeightsError(
                f"{file.path!r}: storage {key!r} has {count} elements, the description says "
                f"{storage.elements}"
            )
        places[key] = StoragePlace(offset_bytes + _COUNT_BYTES, None)
        offset_bytes += _COUNT_BYTES + storage.size_bytes
    if offset_bytes != file.size_bytes:
        raise WeightsError(
            f"{file.path!r}: its storages need {offset_bytes} bytes, the file has {file.size_bytes}"
        )
    return places


def _as_key(key: object) -> str | None:
    return key if isinstance(key, str) else None
