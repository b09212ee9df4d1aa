"""Dicts of NumPy arrays in a pickle: their names, and what the arrays are."""

from __future__ import annotations

from collections.abc import Iterator

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays.payloads import Payload
from alexnet_cy.weights.arrays.stored_arrays import Block, StoredArray, check_element_type
from alexnet_cy.weights.arrays.unpickler import InlineBytes, PickledArray

__all__ = ["flatten", "kind_of", "stored_array"]

MAX_NAME_BYTES = 256
MAX_VALUES = 10_000


def flatten(what: str, root: dict[object, object], max_depth: int) -> Iterator[tuple[str, object]]:
    """Yield every value of a dict with its name, parts joined by "/" where dicts are nested.

    Raises
    ------
    WeightsError
        A name is none, a list has more than weights and biases, or there is too much.
    """
    waiting: list[tuple[str, object, int]] = [("", root, 0)]
    for _ in range(MAX_VALUES):
        if not waiting:
            return
        name, value, depth = waiting.pop(0)
        if isinstance(value, PickledArray) and isinstance(value.data, list):
            value = value.data  # [weights, biases] as an object array
        if isinstance(value, dict):
            if depth == max_depth:
                raise WeightsError(f"{what}: dicts nested more than {max_depth} deep")
            prefix = f"{name}/" if name else ""
            inner = [(f"{prefix}{_name(what, key)}", v, depth + 1) for key, v in value.items()]
            waiting = inner + waiting
        elif isinstance(value, list | tuple):
            if len(value) > 2:
                raise WeightsError(
                    f"{what}: {name!r} has {len(value)} arrays; a layer has weights and biases"
                )
            for kind, array in zip("Wb", value, strict=False):
                yield f"{name}/{kind}", array
        else:
            yield name, value
    if waiting:
        raise WeightsError(f"{what}: more than {MAX_VALUES} values")


def stored_array(what: str, array: object) -> StoredArray:
    """Return what reads an array; WeightsError if it is none of floating-point numbers."""
    if (
        not isinstance(array, PickledArray)
        or array.dtype is None
        or not isinstance(array.data, Payload | InlineBytes)
    ):
        raise WeightsError(f"{what} is {kind_of(array)}; weights are arrays of numbers")
    check_element_type(what, array.dtype, array.shape)
    data, block = array.data, None
    if isinstance(data, Payload) and not data.is_text:
        block = Block(data.file, data.offset_bytes, None)
    return StoredArray(
        array.shape, array.dtype, array.fortran_order, data.stored_bytes, data.open, block
    )


def kind_of(value: object) -> str:
    """Say what a value is without walking through it: it may hold itself many times."""
    if isinstance(value, PickledArray):
        return f"an array of {value.dtype} and shape {str(value.shape)[:60]}"
    if isinstance(value, Payload | InlineBytes):
        return f"a string of {value.stored_bytes} bytes"
    return f"a value of type {type(value).__name__}"


def _name(what: str, key: object) -> str:
    """Return a key of a dict as text; Python 3 pickles may have bytes."""
    if isinstance(key, Payload | InlineBytes) and key.stored_bytes <= MAX_NAME_BYTES:
        text = bytearray(key.stored_bytes)
        key.open()(memoryview(text))
        key = text.decode("latin-1")
    if not isinstance(key, str) or len(key) > MAX_NAME_BYTES:
        raise WeightsError(f"{what}: a layer is named by {kind_of(key)}; names are short strings")
    return key
