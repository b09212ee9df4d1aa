"""Frozen dataclasses that cost little to define.

`dataclasses.dataclass` writes the methods of a class as text and compiles them one by one, six for
a frozen class, 0.5 to 1 ms a class at every import. A dozen of them were a third of what
``import alexnet_cy`` took. Here ``__init__`` alone is compiled and the classes share the others.
To everybody else they are dataclasses: `dataclasses.replace`, `fields` and `asdict` take them, and
to a type checker `record` is `dataclass`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:
    from dataclasses import FrozenInstanceError, dataclass, fields

    def record(*, frozen, slots):
        """Make a class what ``dataclass(frozen=True, slots=True)`` makes of it.

        Parameters
        ----------
        frozen, slots : bool
            True, both: they say to readers and type checkers what the class is.

        Raises
        ------
        ValueError
            One of them is not.
        """
        if not (frozen and slots):
            raise ValueError("frozen and slots: need True, a record is both")

        def decorate(cls):
            cls = dataclass(eq=False, repr=False, slots=True)(cls)
            for name in ("__eq__", "__hash__", "__repr__", "__setattr__", "__delattr__"):
                setattr(cls, name, getattr(_Record, name))
            return cls

        return decorate

    class _Record:
        """The methods that all records share."""

        def __eq__(self, other):
            return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

        def __hash__(self):
            return hash(_values(self))

        def __repr__(self):
            settings = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))
            return f"{type(self).__qualname__}({', '.join(settings)})"

        def __setattr__(self, name, value):
            """Set a field that has no value yet, as ``__init__`` and unpickling do."""
            if name not in self.__dataclass_fields__ or hasattr(self, name):
                raise FrozenInstanceError(f"cannot assign to field {name!r}")
            object.__setattr__(self, name, value)

        def __delattr__(self, name):
            raise FrozenInstanceError(f"cannot delete field {name!r}")

    def _values(one):
        return tuple(getattr(one, field.name) for field in fields(one))
