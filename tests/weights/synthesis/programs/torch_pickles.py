"""Pickles as torch.save writes them, without torch.

Python's own pickler does the work; stand-ins tell it what the names of torch are. Checked against
torch 2.13 in ``test_torch_pth.py``, where torch is there.
"""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np

STORAGES = {
    "F32": "FloatStorage",
    "F16": "HalfStorage",
    "BF16": "BFloat16Storage",
    "F64": "DoubleStorage",
    "I64": "LongStorage",
}
ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8}


@dataclass(frozen=True, eq=False)
class Name:
    """A global that is written by name, whether it can be imported or not."""

    module: str
    name: str

    def __call__(self) -> None:
        raise AssertionError("names are written, never called")


@cache
def name_of(module: str, name: str) -> Name:
    """Return the same object for the same name, so that the pickler writes it once."""
    return Name(module, name)


@dataclass(eq=False)
class Storage:
    """The bytes of a storage; `key` is its name in the file, which the container gives."""

    dtype: str
    data: bytes
    key: str = ""
    location: str = "cpu"
    elements: int | None = None  # declared; as many as there are if None
    view: tuple[str, int, int] | None = None

    @property
    def declared(self) -> int:
        if self.elements is not None:
            return self.elements
        return len(self.data) // ITEM_BYTES[self.dtype]


@dataclass(eq=False)
class Tensor:
    """A tensor on a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    is_parameter: bool = False
    rebuild: str = "_rebuild_tensor_v2"

    def reduce(self) -> tuple[Name, tuple[Any, ...]]:
        args: tuple[Any, ...] = (self.storage, self.offset, self.shape, self.strides)
        if self.rebuild == "_rebuild_tensor_v2":
            args += (False, OrderedDict())
        return name_of("torch._utils", self.rebuild), args


@dataclass(eq=False)
class Parameter:
    """A parameter that holds a tensor."""

    tensor: Tensor


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))


class TorchPickler(pickle._Pickler):
    """Writes the stand-ins as torch's pickler writes what they stand for."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def __init__(self, stream: io.BytesIO, protocol: int, *, legacy: bool, python2: bool) -> None:
        super().__init__(stream, protocol=protocol)
        self.storages: dict[int, Storage] = {}
        self._legacy = legacy
        self._python2 = python2

    def persistent_id(self, value: object) -> tuple[Any, ...] | None:
        if not isinstance(value, Storage):
            return None
        self.storages.setdefault(id(value), value)
        name = name_of("torch", STORAGES[value.dtype])
        head = ("storage", name, value.key, value.location, value.declared)
        return (*head, value.view) if self._legacy else head

    def reducer_override(self, value: object) -> Any:
        if isinstance(value, Tensor):
            return value.reduce()
        if isinstance(value, Parameter):
            name = name_of("torch._utils", "_rebuild_parameter")
            return name, (value.tensor, True, OrderedDict())
        if self._python2 and isinstance(value, OrderedDict):
            # Python 2: OrderedDict.__reduce__ returns its items as one argument.
            return name_of("collections", "OrderedDict"), ([list(pair) for pair in value.items()],)
        return NotImplemented

    def save_name(self, value: Name) -> None:
        if self.proto >= 4:
            self.save(value.module)
            self.save(value.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{value.module}\n{value.name}\n".encode())
        self.memoize(value)

    dispatch[Name] = save_name

    def save_text(self, value: str) -> None:
        if not self._python2:
            pickle._Pickler.save_str(self, value)
            return
        data = value.encode()
        self.write(pickle.SHORT_BINSTRING + bytes([len(data)]) + data)
        self.memoize(value)

    dispatch[str] = save_text


def dump(
    value: object, protocol: int = 2, *, legacy: bool = False, python2: bool = False
) -> tuple[bytes, list[Storage]]:
    """Pickle a value; return the bytes and the storages in the order in which they came."""
    stream = io.BytesIO()
    pickler = TorchPickler(stream, protocol, legacy=legacy, python2=python2)
    pickler.dump(value)
    return stream.getvalue(), list(pickler.storages.values())
