"""Unpickle the description of a PyTorch checkpoint into inert objects.

A ``.pth`` file describes its tensors in a pickle. `scan_pickle` looks through it first; then
`pickle.Unpickler` runs it with a table of the names that a state dict needs (``OrderedDict``, the
functions that rebuild a tensor, the storage classes). Each name stands for an object of this
module, and no name in a file ever becomes an import.

Torch's own restricted unpickler had holes of exactly this kind (CVE-2025-32434, and
CVE-2026-24747: ``SETITEM`` on what is no dict, storage sizes that differ from the archive's),
hence the narrowness.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from alexnet_cy.weights.files import as_weights_error
from alexnet_cy.weights.pickles.scan import MAX_DICT_ITEMS, scan_pickle

__all__ = ["Storage", "StoredTensor", "Unpickled", "load_pickle"]

ADVICE = "where you trust the file, load it with torch and save net.state_dict() alone"
"""What to do with a checkpoint that holds more than tensors."""

MAX_TENSOR_RANK = 8

# torch/storage.py: the element type of each storage class, in the names that safetensors uses, and
# the bytes of one element.
_STORAGE_CLASSES = {
    "FloatStorage": ("F32", 4),
    "HalfStorage": ("F16", 2),
    "BFloat16Storage": ("BF16", 2),
    "DoubleStorage": ("F64", 8),
    "LongStorage": ("I64", 8),
    "IntStorage": ("I32", 4),
    "ShortStorage": ("I16", 2),
    "CharStorage": ("I8", 1),
    "ByteStorage": ("U8", 1),
    "BoolStorage": ("BOOL", 1),
}


@dataclass(frozen=True, slots=True)
class Unpickled:
    """What one pickle holds.

    Attributes
    ----------
    root : object
        Dicts, lists, tuples, numbers and strings, with a `StoredTensor` for each tensor.
    storages : mapping of str to Storage
        Every storage that it names, by key; `first` and `viewed` are those of its first mention.
    end : int
        Where in the data the pickle ends.
    """

    root: object
    storages: Mapping[str, Storage]
    end: int


class _Sealed:
    """An object whose state no pickle can set."""

    def __setstate__(self, state: object) -> NoReturn:
        raise pickle.UnpicklingError(f"BUILD on a {type(self).__name__.lstrip('_')}")


@dataclass(frozen=True)
class Storage(_Sealed):
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
class StoredTensor(_Sealed):
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


def load_pickle(data: bytes, what: str, start: int = 0) -> Unpickled:
    """Run one pickle of a PyTorch checkpoint.

    Parameters
    ----------
    data : bytes
        What holds the pickle.
    what : str
        What the error message calls it.
    start : int
        Where in `data` it begins.

    Raises
    ------
    WeightsError
        The pickle is garbled, passes a limit of `pickle_scan`, or does anything that describing
        tensors does not need.
    """
    with as_weights_error(what):
        end = scan_pickle(data, start, advice=ADVICE)
        unpickler = _Unpickler(data[start:end])
        return Unpickled(unpickler.load(), unpickler.storages, end)


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes) -> None:
        # Python 2 pickled str as bytes; torch.load reads them as UTF-8 too.
        super().__init__(io.BytesIO(data), fix_imports=False, encoding="utf-8")
        self._names = _inert_names()
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._names[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it names {f'{module}.{name}'!r}, which no state dict needs; {ADVICE}"
            ) from None

    def persistent_load(self, persistent_id: object) -> Storage:
        # A zip file has ("storage", type, key, location, elements); a legacy file adds None or a
        # view, (its key, first, elements). The location ("cpu", "cuda:0") does not matter here.
        match persistent_id:
            case ("storage", _StorageType() as kind, str(key), _, declared):
                view = None
            case ("storage", _StorageType() as kind, str(key), _, declared, view):
                pass
            case ("module", *_):
                raise pickle.UnpicklingError(
                    f"it holds a whole model with its source code; {ADVICE}"
                )
            case _:
                raise pickle.UnpicklingError(
                    f"expected the persistent id of a storage, got {_brief(persistent_id)}"
                )
        elements = _count(declared, "storage")
        match view:
            case None:
                first, viewed = 0, elements
            case (_, first, viewed) if _count(first, "view") + _count(viewed, "view") <= elements:
                pass
            case _:
                raise pickle.UnpicklingError(f"a view does not lie within its storage {key!r}")
        storage = Storage(kind.dtype, kind.item_bytes, key, elements, first, viewed)
        known = self.storages.setdefault(key, storage)
        if (known.dtype, known.elements) != (storage.dtype, storage.elements):
            raise pickle.UnpicklingError(
                f"storage {key!r} is declared as {known.elements} {known.dtype} and as "
                f"{storage.elements} {storage.dtype}"
            )
        return storage


def _inert_names() -> dict[tuple[str, str], object]:
    """Return the only names that a file may mention, with what they become; new for each file."""
    rebuild_tensor = _RebuildTensor()
    return {
        ("collections", "OrderedDict"): _MakeDict(),
        ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
        ("torch._utils", "_rebuild_tensor"): rebuild_tensor,
        ("torch._utils", "_rebuild_parameter"): _RebuildParameter(),
        **{("torch", name): _StorageType(*kind) for name, kind in _STORAGE_CLASSES.items()},
    }


@dataclass(frozen=True)
class _StorageType(_Sealed):
    dtype: str
    item_bytes: int


class _InertDict(dict[object, object]):
    """What an ``OrderedDict`` becomes; the attributes that it had (``_metadata``) are discarded."""

    def __setstate__(self, state: object) -> None:
        pass


class _MakeDict(_Sealed):
    """``OrderedDict()``, and ``OrderedDict([[key, value], ...])`` as Python 2 pickled it."""

    def __init__(self) -> None:
        self._items_left = MAX_DICT_ITEMS

    def __call__(self, items: object = ()) -> _InertDict:
        if not isinstance(items, (list, tuple)):
            raise pickle.UnpicklingError(f"OrderedDict of {_brief(items)}")
        self._items_left -= len(items)
        if self._items_left < 0:
            raise pickle.UnpicklingError(f"more than {MAX_DICT_ITEMS} dict items")
        made = _InertDict()
        for item in items:
            match item:
                case [str(key), value]:
                    made[key] = value
                case _:
                    raise pickle.UnpicklingError("OrderedDict: expected (name, value) pairs")
        return made


class _RebuildTensor(_Sealed):
    """``torch._utils._rebuild_tensor`` and its successor ``_rebuild_tensor_v2``."""

    def __call__(
        self,
        storage: object,
        offset: object,
        shape: object,
        strides: object,
        requires_grad: object = False,
        backward_hooks: object = None,
        metadata: object = None,
    ) -> StoredTensor:
        if not isinstance(storage, Storage):
            raise pickle.UnpicklingError(f"a tensor on {_brief(storage)}, which is no storage")
        if metadata:
            raise pickle.UnpicklingError("a tensor with a conjugate or negative bit")
        tensor = StoredTensor(
            storage, _count(offset, "offset"), _counts(shape, "shape"), _counts(strides, "strides")
        )
        _check_extent(tensor)
        return tensor


class _RebuildParameter(_Sealed):
    """``torch._utils._rebuild_parameter``: the tensor that the parameter holds."""

    def __call__(
        self, tensor: object, requires_grad: object = True, backward_hooks: object = None
    ) -> StoredTensor:
        if not isinstance(tensor, StoredTensor):
            raise pickle.UnpicklingError(f"a parameter on {_brief(tensor)}, which is no tensor")
        return tensor


def _check_extent(tensor: StoredTensor) -> None:
    """Refuse a tensor that reaches outside its storage, or has more elements than it."""
    if len(tensor.shape) != len(tensor.strides):
        raise pickle.UnpicklingError(f"shape {tensor.shape} with strides {tensor.strides}")
    elements = 1
    last = tensor.offset
    for size, stride in zip(tensor.shape, tensor.strides, strict=True):
        elements *= size
        last += (size - 1) * stride
    available = tensor.storage.viewed
    if elements and last >= available:
        raise pickle.UnpicklingError(
            f"a tensor of shape {tensor.shape}, strides {tensor.strides} and offset "
            f"{tensor.offset} reaches element {last} of a storage of {available}"
        )
    # Stride 0 would let a small file ask for any amount of memory.
    if elements > available:
        raise pickle.UnpicklingError(
            f"a tensor of shape {tensor.shape} is expanded from a storage of {available} elements"
        )


def _count(value: object, what: str) -> int:
    # bool is an int to Python, but no count; 63 bits are what torch itself has.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise pickle.UnpicklingError(f"{what}: expected a number of elements, got {_brief(value)}")
    return value


def _counts(values: object, what: str) -> tuple[int, ...]:
    if not isinstance(values, tuple) or len(values) > MAX_TENSOR_RANK:
        raise pickle.UnpicklingError(
            f"{what}: expected a tuple of at most {MAX_TENSOR_RANK} numbers, got {_brief(values)}"
        )
    return tuple(_count(value, what) for value in values)


def _brief(value: object) -> str:
    """Describe a value of the file without walking through it: it may hold itself many times."""
    if value is None or isinstance(value, (bool, int, float, str)):
        text = repr(value)
        return text if len(text) <= 40 else f"{text[:37]}..."
    return f"a {type(value).__name__.lstrip('_')}"
