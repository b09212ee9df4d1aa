"""What stands for the functions and classes that a state dict needs."""

from __future__ import annotations

import pickle

from alexnet_cy.weights.pickles.inert import Foreign
from alexnet_cy.weights.pickles.scan import MAX_DICT_ITEMS
from alexnet_cy.weights.pytorch.stored import (
    Sealed,
    Storage,
    StoredTensor,
    as_counts,
    as_element_count,
    brief,
)

__all__ = [
    "InertDict",
    "MakeDefaultDict",
    "MakeDict",
    "RebuildFromType",
    "RebuildParameter",
    "RebuildTensor",
    "Reconstruct",
]


class InertDict(dict[object, object]):
    """What an ``OrderedDict`` becomes; the attributes that it had (``_metadata``) are discarded."""

    def __setstate__(self, state: object) -> None:
        pass


class MakeDict(Sealed):
    """``OrderedDict()``, and ``OrderedDict([[key, value], ...])`` as Python 2 pickled it."""

    def __init__(self) -> None:
        self._items_left = MAX_DICT_ITEMS

    def __call__(self, items: object = ()) -> InertDict:
        """Make a dict of (name, value) pairs."""
        if not isinstance(items, (list, tuple)):
            raise pickle.UnpicklingError(f"OrderedDict of {brief(items)}")
        self._items_left -= len(items)
        if self._items_left < 0:
            raise pickle.UnpicklingError(f"more than {MAX_DICT_ITEMS} dict items")
        made = InertDict()
        for item in items:
            match item:
                case [str(key), value]:
                    made[key] = value
                case _:
                    raise pickle.UnpicklingError("OrderedDict: expected (name, value) pairs")
        return made


class RebuildTensor(Sealed):
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
        """Describe a tensor; `pickle.UnpicklingError` if it cannot lie in its storage."""
        if not isinstance(storage, Storage):
            raise pickle.UnpicklingError(f"a tensor on {brief(storage)}, which is no storage")
        if metadata:
            raise pickle.UnpicklingError("a tensor with a conjugate or negative bit")
        tensor = StoredTensor(
            storage,
            as_element_count(offset, "offset"),
            as_counts(shape, "shape"),
            as_counts(strides, "strides"),
        )
        _check_extent(tensor)
        return tensor


class RebuildParameter(Sealed):
    """``torch._utils._rebuild_parameter``: the tensor that the parameter holds."""

    def __call__(
        self,
        tensor: object,
        requires_grad: object = True,
        backward_hooks: object = None,
        state: object = None,
    ) -> StoredTensor:
        """Return the tensor."""
        if not isinstance(tensor, StoredTensor):
            raise pickle.UnpicklingError(f"a parameter on {brief(tensor)}, which is no tensor")
        return tensor


class RebuildFromType(Sealed):
    """``torch._tensor._rebuild_from_type_v2``: a tensor with attributes, which are discarded."""

    def __call__(self, rebuild: object, kind: object, arguments: object, state: object) -> object:
        """Rebuild the tensor."""
        if not isinstance(rebuild, RebuildTensor | RebuildParameter):
            raise pickle.UnpicklingError(f"a tensor that {brief(rebuild)} makes")
        if not isinstance(arguments, tuple):
            raise pickle.UnpicklingError(f"a tensor made of {brief(arguments)}")
        return rebuild(*arguments)


class MakeDefaultDict(Sealed):
    """``defaultdict(list)``: an empty dict, whose items follow."""

    def __call__(self, default: object = None) -> InertDict:
        """Make an empty dict."""
        return InertDict()


class Reconstruct(Sealed):
    """``copyreg._reconstructor(cls, object, None)``: how protocols 0 to 2 make an object."""

    def __call__(self, kind: object, base: object = None, state: object = None) -> Foreign:
        """Make an object that does nothing."""
        if not isinstance(kind, type) or not issubclass(kind, Foreign):
            raise pickle.UnpicklingError(f"an object of class {brief(kind)}")
        return kind()


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
