"""Where the numbers of a tensor lie in a protobuf file, and how to read them.

A repeated number may be encoded in three ways, and in any mixture of them: packed into one block,
packed into several blocks, or one by one with a field key before each number.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from alexnet_cy.weights.stored_floats import FLOAT_BYTES, fill_floats, fill_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from alexnet_cy.weights.files import WeightsFile

__all__ = ["Span", "count_elements", "read_spans", "row_reader"]

_RECORD = struct.Struct("<QQBB")

# Floats that are stored one by one are read through a buffer of 1.25 MiB (a key and a float each).
_CHUNK_ELEMENTS = 1 << 18


class Span(NamedTuple):
    """One block of numbers in a file.

    Attributes
    ----------
    offset_bytes : int
        Where the block begins in the file.
    stored_bytes : int
        Its length, keys included.
    key_bytes : int
        Length of the field key before each number; 0 if the numbers are packed.
    element_bytes : int
        Length of one number; 0 if they are packed, as a packed block does not tell.
    """

    offset_bytes: int
    stored_bytes: int
    key_bytes: int = 0
    element_bytes: int = 0

    def encode(self) -> bytes:
        """Return the span as `decode` takes it."""
        return _RECORD.pack(*self)

    @classmethod
    def decode(cls, record: bytes) -> Span:
        """Return the span that `encode` was called on."""
        return cls(*_RECORD.unpack(record))


def count_elements(spans: Sequence[Span], dtype: str) -> int:
    """Count the numbers in some spans.

    Parameters
    ----------
    spans : sequence of Span
        The blocks of one tensor.
    dtype : str
        Key of `stored_floats.FLOAT_BYTES`.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        A block is no whole number of numbers of that type, or its numbers have another width.
    """
    return sum(_count(span, FLOAT_BYTES[dtype]) for span in spans)


def read_spans(
    file: WeightsFile,
    spans: Sequence[Span],
    dtype: str,
    shape: tuple[int, ...],
    *,
    transposed: bool = False,
) -> NDArray[np.float32]:
    """Read the numbers of one tensor.

    Parameters
    ----------
    file : WeightsFile
        The file.
    spans : sequence of Span
        Where the numbers are, in order; together they hold ``prod(shape)`` of them, as counted by
        `count_elements`.
    dtype : str
        Key of `stored_floats.FLOAT_BYTES`.
    shape : tuple of int
        Shape of the tensor in the file.
    transposed : bool
        Whether to return the tensor with its axes in the opposite order.

    Returns
    -------
    float32 array of `shape`, or of ``shape[::-1]``
        C-contiguous, converted as by `stored_floats.read_floats`. A tensor in one packed block, as
        all programs write it, is read straight into the result.

    Raises
    ------
    WeightsError
        The file cannot be read.
    """
    result = np.empty(shape[::-1] if transposed else shape, np.float32)
    view = result.T if transposed else result
    if len(spans) == 1 and not spans[0].key_bytes:
        fill_floats(file, spans[0].offset_bytes, dtype, view)
    elif view.flags.c_contiguous:
        _fill_pieces(file, spans, dtype, view.reshape(-1))
    else:
        view[...] = read_spans(file, spans, dtype, shape)
    return result


def row_reader(
    file: WeightsFile, spans: Sequence[Span], dtype: str
) -> Callable[[int, NDArray[np.float32]], object] | None:
    """Return what reads some rows of a tensor, as `TensorRef.read_rows`; None if they are apart.

    Parameters
    ----------
    file, spans, dtype
        As for `read_spans`. The rows of one packed block, as all programs write it, lie one after
        the other.
    """
    if len(spans) != 1 or spans[0].key_bytes:
        return None
    return partial(fill_rows, file, spans[0].offset_bytes, dtype)


def _fill_pieces(
    file: WeightsFile, spans: Sequence[Span], dtype: str, flat: NDArray[np.float32]
) -> None:
    """Fill a flat array from several blocks."""
    first = 0
    for span in spans:
        last = first + _count(span, FLOAT_BYTES[dtype])
        if span.key_bytes:
            _fill_keyed(file, span, flat[first:last])
        else:
            fill_floats(file, span.offset_bytes, dtype, flat[first:last])
        first = last


def _count(span: Span, element_bytes: int) -> int:
    if span.key_bytes and span.element_bytes != element_bytes:
        raise ValueError(
            f"numbers of {span.element_bytes} bytes where {element_bytes} are expected"
        )
    record_bytes = span.key_bytes + element_bytes
    if span.stored_bytes % record_bytes:
        raise ValueError(
            f"{span.stored_bytes} bytes are no whole number of {element_bytes}-byte numbers"
        )
    return span.stored_bytes // record_bytes


def _fill_keyed(file: WeightsFile, span: Span, result: NDArray[np.float32]) -> None:
    """Fill `result` with numbers that have a field key before each."""
    record = np.dtype([("key", f"V{span.key_bytes}"), ("number", f"<f{span.element_bytes}")])
    for first in range(0, len(result), _CHUNK_ELEMENTS):
        part = result[first : first + _CHUNK_ELEMENTS]
        data = file.read_bytes(
            span.offset_bytes + first * record.itemsize, len(part) * record.itemsize
        )
        # float64 beyond float32 becomes infinity; a signalling NaN becomes a quiet one.
        with np.errstate(over="ignore", invalid="ignore"):
            part[:] = np.frombuffer(data, record)["number"]
