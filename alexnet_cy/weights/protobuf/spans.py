"""Where the numbers of a tensor lie in a protobuf file, and how to read them.

A repeated number may be encoded in three ways, and in any mixture of them: packed into one block,
packed into several blocks, or one by one with a field key before each number.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.weights.layouts import in_out
from alexnet_cy.weights.stored_floats import FLOAT_BYTES, BlockTensor, fill_floats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from alexnet_cy.weights.files import WeightsFile

__all__ = ["Span", "count_elements", "spans_tensor"]

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
        Length of one number; 0 if they are packed, as a packed block does not record it.
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
        A block is not a whole number of numbers of that type, or its numbers have another width.
    """
    return sum(_count(span, FLOAT_BYTES[dtype]) for span in spans)


def spans_tensor(
    file: WeightsFile,
    spans: Sequence[Span],
    dtype: str,
    shape: tuple[int, ...],
    *,
    transposed: bool = False,
) -> TensorRef:
    """Return the tensor whose numbers some spans hold.

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
        Whether the tensor has its axes in the opposite order, ``shape[::-1]``.

    Returns
    -------
    TensorRef
        A `BlockTensor` if there is one packed block, as all programs write it.
    """
    if len(spans) != 1 or spans[0].key_bytes:
        return _SpansTensor(file, spans, dtype, shape, transposed=transposed)
    offset_bytes = spans[0].offset_bytes
    if transposed:
        return BlockTensor(file, offset_bytes, dtype, shape[::-1], layout=in_out)
    return BlockTensor(file, offset_bytes, dtype, shape)


class _SpansTensor(TensorRef):
    """A tensor in several blocks, or in one with keys between the numbers."""

    __slots__ = ("_file", "_spans", "_transposed")

    def __init__(
        self,
        file: WeightsFile,
        spans: Sequence[Span],
        dtype: str,
        shape: tuple[int, ...],
        *,
        transposed: bool,
    ) -> None:
        stored_bytes = sum(span.stored_bytes for span in spans)
        super().__init__(shape[::-1] if transposed else shape, dtype, stored_bytes)
        self._file = file
        self._spans = spans
        self._transposed = transposed

    def read(self) -> NDArray[np.float32]:
        """Read the blocks one after the other."""
        result = np.empty(self.shape[::-1] if self._transposed else self.shape, np.float32)
        _fill_pieces(self._file, self._spans, self.dtype, result.reshape(-1))
        return np.ascontiguousarray(result.T) if self._transposed else result


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
