"""Unpickle the NumPy arrays of an object array into inert descriptions.

`pickle_payloads` has taken the numbers out of the pickle and `pickle_scan` looks through the rest;
then `pickle.Unpickler` runs it with a table of a few names: what NumPy writes for an array, its
class, its element type, and the function by which Python 3 writes bytes for Python 2. Each name
stands for an object of this module, and no name in a file ever becomes an import.
"""

from __future__ import annotations

import io
import pickle
from math import prod
from typing import TYPE_CHECKING, Any, NoReturn, TypeGuard

import numpy as np

from alexnet_cy.weights.arrays.payloads import Payload
from alexnet_cy.weights.pickles.inert import ForeignNames
from alexnet_cy.weights.pickles.scan import scan_pickle
from alexnet_cy.weights.stored_floats import MemorySource

if TYPE_CHECKING:
    from alexnet_cy.weights.stored_floats import Fill

__all__ = ["InlineBytes", "PickledArray", "load_arrays"]

# numpy.ndarray.__reduce__ and numpy.dtype.__reduce__: the version of the state that they pickle.
_ARRAY_STATE_VERSION = 1
_DTYPE_STATE_VERSIONS = (3, 4)

_ADVICE = "where you trust the file, load it with numpy and save the arrays with numpy.savez"

_MAX_RANK = 32  # NumPy's own limit until 2.0


def load_arrays(data: bytes, payloads: tuple[Payload, ...], *, objects: bool = False) -> object:
    """Run the pickle of an object array.

    Parameters
    ----------
    data : bytes
        The pickle, without its large strings.
    payloads : tuple of Payload
        The strings.
    objects : bool
        Whether objects of other classes may stand beside the arrays.

    Returns
    -------
    object
        Dicts, lists, tuples, numbers, strings and `Payload`, with a `PickledArray` for each array.

    Raises
    ------
    Exception
        Of nearly any kind, if the pickle is garbled or asks for anything else than arrays.
    """
    scan_pickle(data, advice=_ADVICE, objects=objects)
    return _Unpickler(data, payloads, ForeignNames() if objects else None).load()


class _Inert:
    """An object whose state no pickle can set."""

    def __setstate__(self, state: object) -> NoReturn:
        raise pickle.UnpicklingError(f"BUILD on {type(self).__name__}")


class InlineBytes(_Inert):
    """A string of bytes short enough to have stayed in the pickle, handed out as a `Payload`'s."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def may_have(self, size_bytes: int) -> bool:
        """Tell whether the string has that many bytes."""
        return len(self._data) == size_bytes

    @property
    def stored_bytes(self) -> int:
        """Number of bytes."""
        return len(self._data)

    def open(self) -> Fill:
        """Return a function that fills one buffer after the other with the bytes."""
        return MemorySource(self._data)


class PickledArray:
    """An array as the pickle describes it.

    Attributes
    ----------
    shape : tuple of int
        No axis negative.
    dtype : numpy.dtype or None
        A floating-point type, or object; None if the pickle gave the array no state.
    fortran_order : bool
        Whether the first index varies fastest.
    data : Payload, InlineBytes, list or None
        The bytes, as many as `shape` and `dtype` need; for an object array its items.
    """

    shape: tuple[int, ...] = ()
    dtype: np.dtype[Any] | None = None
    fortran_order: bool = False
    data: Payload | InlineBytes | list[object] | None = None

    def __setstate__(self, state: object) -> None:
        if self.dtype is not None:
            raise pickle.UnpicklingError("the state of an array is set twice")
        match state:
            case (version, tuple(shape), _Dtype() as dtype, fortran_order, data):
                if version != _ARRAY_STATE_VERSION:
                    raise pickle.UnpicklingError("an array of a version that is not known")
            case _:
                raise pickle.UnpicklingError("the state of an array is not as NumPy writes it")
        if len(shape) > _MAX_RANK or not all(_is_count(size) for size in shape):
            raise pickle.UnpicklingError("the shape of an array is not one of sizes")
        self.shape = shape
        self.dtype = dtype.resolve()
        self.fortran_order = bool(fortran_order is True or fortran_order == 1)
        self.data = self._checked_data(data)

    def _checked_data(self, data: object) -> Payload | InlineBytes | list[object]:
        assert self.dtype is not None
        count = prod(self.shape)
        if self.dtype.kind == "O":
            if isinstance(data, list) and len(data) == count:
                return data
            raise pickle.UnpicklingError(f"an object array needs {count} objects")
        if isinstance(data, str):  # what Python 2 wrote, one character for each byte
            data = InlineBytes(data.encode("latin-1"))
        if isinstance(data, Payload | InlineBytes) and data.may_have(count * self.dtype.itemsize):
            return data
        raise pickle.UnpicklingError(
            f"an array of {self.dtype} and shape {self.shape} needs {count * self.dtype.itemsize} "
            "bytes"
        )


class _Dtype:
    """An element type: its code, and its byte order once the state is set."""

    def __init__(self, code: str) -> None:
        self._code = code
        self._byte_order: str | None = None

    def __setstate__(self, state: object) -> None:
        if self._byte_order is not None:
            raise pickle.UnpicklingError("the state of an element type is set twice")
        match state:
            # version, byte order, subarray, field names, fields, size, alignment, flags; version 4
            # adds metadata
            case (version, ("<" | ">" | "=" | "|") as byte_order, None, None, None, *_):
                if version not in _DTYPE_STATE_VERSIONS:
                    raise pickle.UnpicklingError("an element type of a version that is not known")
            case _:
                raise pickle.UnpicklingError(
                    "an element type that is no plain number in either byte order"
                )
        self._byte_order = byte_order

    def resolve(self) -> np.dtype[Any]:
        if self._byte_order is None:
            raise pickle.UnpicklingError("an element type without its byte order")
        if self._code.startswith("O"):
            return np.dtype(object)
        order = ">" if self._byte_order == ">" else "<"
        return np.dtype(f"{order}{self._code}")


class _Unpickler(pickle.Unpickler):
    def __init__(
        self, data: bytes, payloads: tuple[Payload, ...], foreign: ForeignNames | None
    ) -> None:
        super().__init__(io.BytesIO(data), fix_imports=False, encoding="latin-1")
        self._payloads = payloads
        self._foreign = foreign

    def find_class(self, module: str, name: str) -> Any:
        known = _NAMES.get((module, name))
        if known is not None:
            return known
        if self._foreign is None:
            raise pickle.UnpicklingError(
                f"it names {f'{module}.{name}'[:80]!r}, which no array needs"
            )
        return self._foreign.find(module, name)

    def persistent_load(self, persistent_id: object) -> Payload:
        if not _is_count(persistent_id):
            raise pickle.UnpicklingError("a persistent id that is none of ours")
        return self._payloads[persistent_id]


class _Marker(_Inert):
    """A class that is only mentioned."""


class _Reconstruct(_Inert):
    """``numpy.core.multiarray._reconstruct``: an empty array, whose state follows."""

    def __call__(self, kind: object, shape: object, code: object) -> PickledArray:
        if kind is not _NDARRAY:
            raise pickle.UnpicklingError("an array of a class that is not numpy.ndarray")
        return PickledArray()


class _FromBuffer(_Inert):
    """``numpy._core.numeric._frombuffer``: how protocol 5 makes an array without gaps."""

    def __call__(
        self,
        data: object,
        dtype: object,
        shape: object,
        order: object,
        axes: object = None,
    ) -> PickledArray:
        if axes is not None or order not in ("C", "F"):
            raise pickle.UnpicklingError(
                "an array with its axes in another order; save numpy.ascontiguousarray of it"
            )
        array = PickledArray()
        array.__setstate__((_ARRAY_STATE_VERSION, shape, dtype, order == "F", data))
        return array


class _MakeDtype(_Inert):
    """``numpy.dtype``: an element type by its code, whose byte order follows."""

    # O4 was written by 32-bit machines; whole numbers count steps beside the weights.
    _CODES = frozenset("f2 f4 f8 O4 O8 i1 i2 i4 i8 u1 u2 u4 u8 b1".split())

    def __call__(self, code: object, align: object = False, copy: object = False) -> _Dtype:
        if not isinstance(code, str) or code not in self._CODES:
            found = repr(code[:16]) if isinstance(code, str) else type(code).__name__
            raise pickle.UnpicklingError(f"elements of type {found}; weights are f2, f4 or f8")
        return _Dtype(code)


class _Encode(_Inert):
    """``_codecs.encode``: bytes, of which a Python 3 has written the characters."""

    def __call__(self, text: object, encoding: object = "latin1") -> Payload | InlineBytes:
        if encoding not in ("latin1", "latin-1"):
            raise pickle.UnpicklingError("bytes in an encoding other than latin-1")
        if isinstance(text, Payload) and text.is_text:
            return text
        if isinstance(text, str):
            return InlineBytes(text.encode("latin-1"))
        raise pickle.UnpicklingError(f"bytes from {type(text).__name__}")


def _is_count(value: object) -> TypeGuard[int]:
    # bool is an int to Python; 63 bits are what NumPy itself has.
    return type(value) is int and 0 <= value < 1 << 63


_NDARRAY = _Marker()
_RECONSTRUCT = _Reconstruct()

# NumPy 2 moved numpy.core to numpy._core.
_NAMES: dict[tuple[str, str], object] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy.core.numeric", "_frombuffer"): _FromBuffer(),
    ("numpy._core.numeric", "_frombuffer"): _FromBuffer(),
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _MakeDtype(),
    ("_codecs", "encode"): _Encode(),
}
