"""Unpickle the description of a PyTorch checkpoint into inert objects.

A ``.pth`` file describes its tensors in a pickle. `scan_pickle` looks through it first; then
`pickle.Unpickler` runs it with a table of the names that a state dict needs (``OrderedDict``, the
functions that rebuild a tensor, the storage classes). Each name stands for an object of ours
(`makers`), every other name for one that does nothing (`pickles.inert`), and no name in a file ever
becomes an import.

Torch's own restricted unpickler had holes of exactly this kind (CVE-2025-32434, and
CVE-2026-24747: ``SETITEM`` on what is no dict, storage sizes that differ from the archive's),
hence the narrowness.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alexnet_cy.weights.files import as_weights_error
from alexnet_cy.weights.pickles.inert import Foreign, ForeignNames
from alexnet_cy.weights.pickles.scan import scan_pickle
from alexnet_cy.weights.pytorch.makers import (
    MakeDefaultDict,
    MakeDict,
    RebuildFromType,
    RebuildParameter,
    RebuildTensor,
    Reconstruct,
)
from alexnet_cy.weights.pytorch.stored import Storage, StorageType, as_element_count, brief

__all__ = ["Unpickled", "load_pickle"]

ADVICE = "where you trust the file, load it with torch and save net.state_dict() alone"
"""What to do with a checkpoint that holds more than tensors."""

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
        end = scan_pickle(data, start, advice=ADVICE, objects=True)
        unpickler = _Unpickler(data[start:end])
        return Unpickled(unpickler.load(), unpickler.storages, end)


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes) -> None:
        # Python 2 pickled str as bytes; torch.load reads them as UTF-8 too.
        super().__init__(io.BytesIO(data), fix_imports=False, encoding="utf-8")
        self._names = _inert_names()
        self._foreign = ForeignNames()
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        known = self._names.get((module, name))
        return self._foreign.find(module, name) if known is None else known

    def persistent_load(self, persistent_id: object) -> Any:
        # A zip file has ("storage", type, key, location, elements); a legacy file adds None or a
        # view, (its key, first, elements). The location ("cpu", "cuda:0") does not matter here.
        match persistent_id:
            case ("storage", StorageType() as kind, str(key), _, declared):
                view = None
            case ("storage", StorageType() as kind, str(key), _, declared, view):
                pass
            case ("module", type() as kind, *_) if issubclass(kind, Foreign):
                return kind  # the class of a module of a whole model, with its source code
            case ("storage", type() as kind, *_) if issubclass(kind, Foreign):
                raise pickle.UnpicklingError(
                    f"numbers of type {'.'.join(kind.origin)[:80]!r}; weights are floating-point, "
                    "so convert a quantised network back to float32 before saving it"
                )
            case _:
                raise pickle.UnpicklingError(
                    f"expected the persistent id of a storage, got {brief(persistent_id)}"
                )
        elements = as_element_count(declared, "storage")
        match view:
            case None:
                first, viewed = 0, elements
            case (_, start, count):
                first, viewed = as_element_count(start, "view"), as_element_count(count, "view")
            case _:
                first, viewed = 0, elements + 1
        if first + viewed > elements:
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
    """Return the names that mean something, with what they become; new for each file."""
    rebuild_tensor = RebuildTensor()
    return {
        ("collections", "OrderedDict"): MakeDict(),
        ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
        ("torch._utils", "_rebuild_tensor"): rebuild_tensor,
        ("torch._utils", "_rebuild_parameter"): RebuildParameter(),
        ("torch._utils", "_rebuild_parameter_with_state"): RebuildParameter(),
        ("torch._tensor", "_rebuild_from_type_v2"): RebuildFromType(),
        ("collections", "defaultdict"): MakeDefaultDict(),
        ("copyreg", "_reconstructor"): Reconstruct(),
        ("copy_reg", "_reconstructor"): Reconstruct(),
        **{("torch", name): StorageType(*kind) for name, kind in _STORAGE_CLASSES.items()},
    }
