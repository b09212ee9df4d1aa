"""Frozen dataclasses that cost little to define.

`dataclasses.dataclass` writes the methods of a class as text and compiles them one by one, six for
a frozen class, 0.5 to 1 ms a class at every import. A dozen of them were a third of what
``import alexnet_cy`` took. Here nothing is compiled: the classes share all their methods. To
everybody else they are dataclasses: `dataclasses.replace`, `fields` and `asdict` take them,
`inspect.signature` names their arguments, and to a type checker `record` is `dataclass`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["record"]

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:
    from dataclasses import MISSING, FrozenInstanceError, dataclass, fields

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
            cls = dataclass(init=False, eq=False, repr=False, slots=True)(cls)
            for name in _SHARED:
                setattr(cls, name, _Record.__dict__[name])
            return cls

        return decorate

    class _Signature:
        """The arguments of a record's class, put together when `inspect.signature` asks."""

        def __get__(self, instance, owner):
            from inspect import Parameter, Signature

            return Signature(
                [
                    Parameter(
                        field.name,
                        Parameter.POSITIONAL_OR_KEYWORD,
                        default=Parameter.empty if _is_required(field) else _default(field),
                        annotation=field.type,
                    )
                    for field in fields(owner)
                    if field.init
                ]
            )

    class _Record:
        """The methods that all records share."""

        __signature__ = _Signature()

        def __init__(self, *values, **named):
            """Set the fields, given in their order or by name, then check them."""
            name_of_class, names = type(self).__name__, self.__match_args__
            if len(values) > len(names):
                raise TypeError(
                    f"{name_of_class}() takes at most {len(names)} arguments, {len(values)} given"
                )
            for name, value in zip(names, values, strict=False):
                if name in named:
                    raise TypeError(f"{name_of_class}() got multiple values for argument {name!r}")
                object.__setattr__(self, name, value)
            for name in names[len(values) :]:
                if name in named:
                    value = named.pop(name)
                else:
                    field = self.__dataclass_fields__[name]
                    if _is_required(field):
                        raise TypeError(f"{name_of_class}() missing required argument: {name!r}")
                    value = _default(field)
                object.__setattr__(self, name, value)
            for name in named:
                raise TypeError(f"{name_of_class}() got an unexpected keyword argument {name!r}")
            if hasattr(self, "__post_init__"):
                self.__post_init__()

        def __eq__(self, other):
            return _values(self) == _values(other) if type(other) is type(self) else NotImplemented

        def __hash__(self):
            return hash(_values(self))

        def __repr__(self):
            settings = (f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))
            return f"{type(self).__qualname__}({', '.join(settings)})"

        def __setattr__(self, name, value):
            """Set a field that has no value yet, as ``__post_init__`` and unpickling do."""
            if name not in self.__dataclass_fields__ or hasattr(self, name):
                raise FrozenInstanceError(f"cannot assign to field {name!r}")
            object.__setattr__(self, name, value)

        def __delattr__(self, name):
            raise FrozenInstanceError(f"cannot delete field {name!r}")

    _SHARED = (
        "__signature__",
        "__init__",
        "__eq__",
        "__hash__",
        "__repr__",
        "__setattr__",
        "__delattr__",
    )

    def _is_required(field):
        return field.default is MISSING and field.default_factory is MISSING

    def _default(field):
        return field.default if field.default is not MISSING else field.default_factory()

    def _values(one):
        return tuple(getattr(one, field.name) for field in fields(one))
