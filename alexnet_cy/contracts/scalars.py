"""The check of arguments that are one number: one rule for every function that takes some.

A value of the wrong type is a TypeError, a value out of range a ValueError.
"""

from __future__ import annotations

from numbers import Real
from operator import index
from typing import Any

import numpy as np

__all__ = ["as_count", "as_real"]


def as_count(value: object, name: str, minimum: int | None = 1, *, need: str | None = None) -> int:
    """Return an argument that is a whole number.

    Parameters
    ----------
    value : int
        NumPy's integers are welcome, booleans are not.
    name : str
        Its name in error messages.
    minimum : int or None
        The smallest value that is accepted; None for any.
    need : str, optional
        The need that the message of a TypeError states, where something else is accepted too.

    Raises
    ------
    TypeError
        `value` is not an integer.
    ValueError
        `value` is less than `minimum`.
    """
    count = None if isinstance(value, bool | np.bool_) else _index(value)
    if count is None:
        raise TypeError(f"{name}: need {need or _whole_number(minimum)}, got {value!r}")
    if minimum is not None and count < minimum:
        raise ValueError(f"{name}: need {_whole_number(minimum)}, got {count}")
    return count


def as_real(value: object, name: str) -> float:
    """Return an argument that is a real number.

    Parameters
    ----------
    value : float
        Or an integer, of Python or NumPy.
    name : str
        Its name in error messages.

    Raises
    ------
    TypeError
        `value` is something else.
    """
    if not isinstance(value, Real):
        raise TypeError(f"{name}: need a real number, got {value!r}")
    return float(value)


def _index(value: Any) -> int | None:
    """Return an integer as an int; None for all else, arrays of several included."""
    try:
        return index(value)
    except TypeError:
        return None


def _whole_number(minimum: int | None) -> str:
    return "a whole number" if minimum is None else f"a whole number from {minimum} up"
