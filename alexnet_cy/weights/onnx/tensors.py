"""The tensors of an ONNX file: where their numbers are, checked, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.files import MAX_FILE_BYTES
from alexnet_cy.weights.onnx.external import find_external
from alexnet_cy.weights.onnx.messages import DATA_TYPES, EXTERNAL
from alexnet_cy.weights.onnx.node import quoted
from alexnet_cy.weights.protobuf.spans import Span, count_elements, spans_tensor
from alexnet_cy.weights.stored_floats import FLOAT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from alexnet_cy.weights.files import WeightsFile

__all__ = ["OnnxTensor", "describe_tensor"]

MAX_RANK = 8
MAX_INTEGERS = 16  # the shape of a Reshape has 2 to 4
INT64_BYTES = 8
MAX_HALF_BYTES = 3  # 16 bits as a varint, 7 bits to the byte

# Which field may hold the numbers of each type, besides raw_data: onnx.proto, TensorProto. The bits
# of a 16-bit float stand in an int32 each, as varints.
_TYPED_FIELDS = {
    "F32": "float_data",
    "F64": "double_data",
    "F16": "int32_data",
    "BF16": "int32_data",
    "I64": "int64_data",
}
_DATA_FIELDS = ("float_data", "int32_data", "int64_data", "raw_data", "double_data")

# What `_data_field` says of numbers in another file.
_ELSEWHERE = "external_data"

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class OnnxTensor:
    """One tensor of an ONNX file, not read yet.

    Attributes
    ----------
    file : WeightsFile
        Where it is.
    name : str
        Its name in the file.
    shape : tuple of int
        As the file has it.
    dtype : str
        "F32", "F16", "BF16", "F64" or "I64".
    field : str
        The field of TensorProto that holds the numbers.
    spans : tuple of Span
        The blocks of numbers, unless `integers` holds them.
    integers : tuple of int
        The numbers of an "I64" tensor that stand in its int64_data.
    """

    file: WeightsFile
    name: str
    shape: tuple[int, ...]
    dtype: str
    field: str
    spans: tuple[Span, ...]
    integers: tuple[int, ...]

    @property
    def stored_bytes(self) -> int:
        """Bytes that the numbers take in the file."""
        return sum(span.stored_bytes for span in self.spans)

    def as_weight(self, shape: tuple[int, ...], *, transposed: bool = False) -> TensorRef:
        """Return the tensor as the weight or bias of a layer.

        Parameters
        ----------
        shape : tuple of int
            With as many elements as the tensor has.
        transposed : bool
            Whether the weight is that, a matrix, transposed.

        Raises
        ------
        WeightsError
            It holds no floating-point numbers.
        """
        if self.dtype not in FLOAT_BYTES:
            raise _error(self, f"type {self.dtype}; weights are one of {', '.join(FLOAT_BYTES)}")
        if self.field == "int32_data":
            return _HalvesTensor(self, shape, transposed=transposed)
        return spans_tensor(self.file, self.spans, self.dtype, shape, transposed=transposed)

    def read_integers(self) -> tuple[int, ...]:
        """Read the few numbers of an "I64" tensor, such as a shape.

        Raises
        ------
        WeightsError
            They are of another type, or there are more than `MAX_INTEGERS`.
        """
        count = prod(self.shape)
        if self.dtype != "I64" or count > MAX_INTEGERS:
            raise _error(self, f"expected at most {MAX_INTEGERS} numbers of type I64")
        if self.field == "int64_data":
            return self.integers
        data = b"".join(
            self.file.read_bytes(span.offset_bytes, span.stored_bytes) for span in self.spans
        )
        return tuple(np.frombuffer(data[: count * INT64_BYTES], "<i8").tolist())


def describe_tensor(file: WeightsFile, message: Any) -> OnnxTensor:
    """Check a TensorProto and say where its numbers are.

    Parameters
    ----------
    file : WeightsFile
        Where it is.
    message : TensorProto
        As `wire.read_message` returns it.

    Raises
    ------
    WeightsError
        The numbers are where they cannot be read, or in several fields, of a type that is not read,
        or not as many as the shape says.
    """
    tensor = OnnxTensor(
        file,
        message.name,
        tuple(message.dims),
        DATA_TYPES.get(message.data_type, f"type number {message.data_type}"),
        _data_field(file, message),
        (),
        tuple(message.int64_data),
    )
    if len(tensor.shape) > MAX_RANK or any(size < 0 for size in tensor.shape):
        raise _error(tensor, f"shape {tensor.shape}")
    if tensor.dtype not in _TYPED_FIELDS:
        raise _error(tensor, f"elements of {tensor.dtype}; {', '.join(_TYPED_FIELDS)} are read")
    if tensor.field == _ELSEWHERE:
        return _external(tensor, message)
    if tensor.field not in ("raw_data", _TYPED_FIELDS[tensor.dtype]):
        raise _error(tensor, f"numbers of type {tensor.dtype} in {tensor.field}")
    if tensor.field != "int64_data":
        spans = tuple(Span.decode(record) for record in getattr(message, tensor.field))
        tensor = OnnxTensor(file, tensor.name, tensor.shape, tensor.dtype, tensor.field, spans, ())
    _check_count(tensor)
    return tensor


def _external(tensor: OnnxTensor, message: Any) -> OnnxTensor:
    """Say where the numbers of a tensor are that another file has."""
    where = f"{tensor.file.path!r}: tensor {quoted(tensor.name)}"
    size_bytes = FLOAT_BYTES.get(tensor.dtype, INT64_BYTES) * prod(tensor.shape)
    if size_bytes > MAX_FILE_BYTES:
        raise _error(tensor, f"{size_bytes} bytes in another file")
    file, span = find_external(tensor.file, message.external_data, size_bytes, where)
    return OnnxTensor(file, tensor.name, tensor.shape, tensor.dtype, "raw_data", (span,), ())


class _HalvesTensor(TensorRef):
    """16-bit floats whose bits are written as varints, one after the other."""

    __slots__ = ("_tensor", "_transposed")

    def __init__(self, tensor: OnnxTensor, shape: tuple[int, ...], *, transposed: bool) -> None:
        super().__init__(shape[::-1] if transposed else shape, tensor.dtype, tensor.stored_bytes)
        self._tensor = tensor
        self._transposed = transposed

    def read(self) -> NDArray[np.float32]:
        """Read the numbers, decoding a part of the varints at a time."""
        tensor = self._tensor
        result = np.empty(prod(self.shape), np.float32)
        done = 0
        for bits in self._varints():
            part = result[done : done + len(bits)]
            if len(part) < len(bits):
                raise _error(tensor, f"more numbers than its shape {tensor.shape} has")
            if self.dtype == "BF16":  # the upper half of a float32
                part.view(np.uint32)[:] = bits << 16
            else:
                part[:] = bits.astype(np.uint16).view(np.float16)
            done += len(bits)
        if done < len(result):
            raise _error(tensor, f"{done} numbers, its shape {tensor.shape} has {len(result)}")
        stored = result.reshape(self.shape[::-1] if self._transposed else self.shape)
        return np.ascontiguousarray(stored.T) if self._transposed else stored

    def _varints(self) -> Iterator[NDArray[np.uint32]]:
        """Yield the numbers of the packed spans, some thousand at a time."""
        tensor = self._tensor
        for span in tensor.spans:
            rest = b""
            for first in range(0, span.stored_bytes, _CHUNK_BYTES):
                count = min(_CHUNK_BYTES, span.stored_bytes - first)
                data = rest + tensor.file.read_bytes(span.offset_bytes + first, count)
                numbers, rest = _decode_halves(data)
                if len(rest) >= MAX_HALF_BYTES or (numbers >> 16).any():
                    raise _error(tensor, "a number of more than 16 bits in its int32_data")
                yield numbers
            if rest:
                raise _error(tensor, "its int32_data ends within a number")


def _data_field(file: WeightsFile, message: Any) -> str:
    """Return the one field that holds the numbers; raw_data for a tensor that has none."""
    where = f"{file.path!r}: tensor {quoted(message.name)}"
    if message.HasField("segment"):
        raise WeightsError(f"{where}: it is cut into segments")
    filled = [field for field in _DATA_FIELDS if len(getattr(message, field))]
    if message.data_location == EXTERNAL or message.external_data:
        if filled or message.data_location != EXTERNAL:
            raise WeightsError(f"{where}: numbers both here and in another file, or in none")
        return _ELSEWHERE
    if len(filled) > 1:
        raise WeightsError(f"{where}: numbers in several fields: {', '.join(filled)}")
    return filled[0] if filled else "raw_data"


def _check_count(tensor: OnnxTensor) -> None:
    """Compare the bytes with the shape, before anything is allocated."""
    expected = prod(tensor.shape)
    if tensor.field == "int32_data":
        # One number takes one to three bytes; how many there are shows when they are read.
        fits = expected <= tensor.stored_bytes <= MAX_HALF_BYTES * expected
        if not fits or any(span.key_bytes for span in tensor.spans):
            raise _error(tensor, f"{tensor.stored_bytes} bytes of int32_data, shape {tensor.shape}")
        return
    if tensor.field == "raw_data" and not _is_one_block(tensor.spans):
        raise _error(tensor, "its raw_data is not one block of bytes")
    if tensor.dtype == "I64":
        count = len(tensor.integers) or tensor.stored_bytes // INT64_BYTES
    else:
        try:
            count = count_elements(tensor.spans, tensor.dtype)
        except ValueError as error:
            raise _error(tensor, str(error)) from error
    if count != expected:
        raise _error(tensor, f"{count} numbers, its shape {tensor.shape} has {expected}")


def _decode_halves(data: bytes) -> tuple[NDArray[np.uint32], bytes]:
    """Decode varints of up to 3 bytes; a longer one becomes a number of more than 16 bits.

    Bit 7 of a byte says that more follow; the others are 7 bits each, the lowest first.

    Returns
    -------
    numbers : uint32 array
    rest : bytes
        The beginning of a number that does not end within `data`.
    """
    octets = np.frombuffer(data, np.uint8).astype(np.uint32)
    ends = np.flatnonzero(octets < 0x80)
    starts = np.concatenate(([0], ends + 1))
    rest = data[starts[-1] :]
    starts = starts[:-1]
    numbers: NDArray[np.uint32] = octets[starts] & np.uint32(0x7F)
    for byte in (1, 2):
        longer = ends - starts >= byte
        numbers[longer] |= (octets[starts[longer] + byte] & np.uint32(0x7F)) << np.uint32(7 * byte)
    numbers[ends - starts >= MAX_HALF_BYTES] = 1 << 16
    return numbers, rest


def _is_one_block(spans: tuple[Span, ...]) -> bool:
    return not spans or (len(spans) == 1 and not spans[0].key_bytes)


def _error(tensor: OnnxTensor, problem: str) -> WeightsError:
    return WeightsError(f"{tensor.file.path!r}: tensor {quoted(tensor.name)}: {problem}")
