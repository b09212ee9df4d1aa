"""Tensors and storages as a checkpoint describes them: inert, and checked when they are made."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import NoReturn

__all__ = [
    "Sealed",
    "Storage",
    "StorageType",
    "StoredTensor",
    "as_counts",
    "as_element_count",
    "brief",
]

MAX_TENSOR_RANK = 8


class Sealed:
    """An object whose state no pickle can set."""

    def __setstate__(self, state: object) -> NoReturn:
        raise pickle.UnpicklingError(f"BUILD on a {type(self).__name__.lstrip('_')}")


@dataclass(frozen=True)
class Storage(Sealed):
    """A flat run of elements in the file, as a persistent id names it.

    Attributes
    ----------
    dtype : str
        Element type as stored: ``"F32"``, ``"F16"``, ``"BF16"``, ``"F64"``, ``"I64"``, ...
    item_bytes : int
        Bytes of one element.
    key : str
        The storage's name within the container.
    elements : int
        The declared number of elements of the whole storage.
    first, viewed : int
        The part of it that tensors see: `viewed` elements from element `first` on. That is the
        whole storage but in old legacy files, which wrote views of one storage.
    """

    dtype: str
    item_bytes: int
    key: str
    elements: int
    first: int
    viewed: int

    @property
    def size_bytes(self) -> int:
        """Bytes of the whole storage."""
        return self.elements * self.item_bytes


@dataclass(frozen=True)
class StoredTensor(Sealed):
    """A tensor: which elements of which storage.

    ``tensor[i, j] = storage[storage.first + offset + i * strides[0] + j * strides[1]]``; every such
    index lies inside the storage, and the tensor has no more elements than the storage.

    Attributes
    ----------
    storage : Storage
        Where its elements are.
    offset : int
        Element of the storage's viewed part at which the tensor begins.
    shape, strides : tuple of int
        In elements.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class StorageType(Sealed):
    """A class of storages: the type of an element, and its bytes."""

    dtype: str
    item_bytes: int


def as_element_count(value: object, what: str) -> int:
    """Return a number of elements; `pickle.UnpicklingError` if it is none."""
    # bool is an int to Python, but no count; 63 bits are what torch itself has.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise pickle.UnpicklingError(f"{what}: expected a number of elements, got {brief(value)}")
    return value


def as_counts(values: object, what: str) -> tuple[int, ...]:
    """Return a tuple of numbers of elements; `pickle.UnpicklingError` if it is none."""
    if not isinstance(values, tuple) or len(values) > MAX_TENSOR_RANK:
        raise pickle.UnpicklingError(
            f"{what}: expected a tuple of at most {MAX_TENSOR_RANK} numbers, got {brief(values)}"
        )
    return tuple(as_element_count(value, what) for value in values)


def brief(value: object) -> str:
    """Describe a value of the file without walking through it: it may hold itself many times."""
    if value is None or isinstance(value, (bool, int, float, str)):
        text = repr(value)
        return text if len(text) <= 40 else f"{text[:37]}..."
    return f"a {type(value).__name__.lstrip('_')}"
