"""What the two containers of PyTorch checkpoints have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Checkpoint", "StoragePlace"]


@dataclass(frozen=True, slots=True)
class StoragePlace:
    """Where a storage lies in the file, and the checksum of all its bytes if there is one."""

    offset_bytes: int
    crc32: int | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a container holds: the object that was saved, and where its storages are.

    Attributes
    ----------
    container : str
        "zip" or "legacy".
    root : object
        Dicts, lists, tuples, numbers and strings, with a `torch_unpickler.StoredTensor`
        for each tensor.
    places : mapping of str to StoragePlace
        By the key of the storage; each is as long as `Storage.size_bytes`.
    """

    container: str
    root: object
    places: Mapping[str, StoragePlace]
