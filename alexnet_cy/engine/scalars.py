"""The gate for arguments that are one number."""

from __future__ import annotations

from numbers import Real
from operator import index

__all__ = ["as_count", "as_real"]


def as_count(value: object, name: str) -> int:
    """Return an argument that counts something.

    Parameters
    ----------
    value : int
        From 1 up; NumPy's integers are welcome, booleans are not.
    name : str
        What the error messages call the argument.

    Raises
    ------
    TypeError
        `value` is no integer.
    ValueError
        `value` is less than 1.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}: need an integer, got {value!r}")
    count = index(value)
    if count < 1:
        raise ValueError(f"{name}: need at least 1, got {count}")
    return count


def as_real(value: object, name: str) -> float:
    """Return an argument that is a real number; TypeError if it is something else.

    Parameters
    ----------
    value : float
        Or an integer, of Python or NumPy.
    name : str
        What the error message calls the argument.
    """
    if not isinstance(value, Real):
        raise TypeError(f"{name}: need a real number, got {value!r}")
    return float(value)
