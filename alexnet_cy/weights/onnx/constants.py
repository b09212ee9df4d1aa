"""The constants of an ONNX graph, not read yet: tensors of the file, and what is filled in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.files import MAX_FILE_BYTES
from alexnet_cy.weights.graphs.derived import Computed
from alexnet_cy.weights.onnx.external import find_external
from alexnet_cy.weights.onnx.halves import MAX_HALF_BYTES, HalvesTensor
from alexnet_cy.weights.onnx.messages import DATA_TYPES, EXTERNAL
from alexnet_cy.weights.onnx.node import quoted
from alexnet_cy.weights.protobuf.spans import Span, count_elements, spans_tensor
from alexnet_cy.weights.stored_floats import FLOAT_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alexnet_cy.weights.files import WeightsFile

__all__ = ["MAX_RANK", "Constant", "tensor_constant"]

MAX_RANK = 8
MAX_INTEGERS = 16  # the shape of a Reshape has 2 to 4
INT64_BYTES = 8

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


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant and the changes of its shape on the way to the node that takes it.

    Attributes
    ----------
    where : str
        What errors call it.
    stored_shape : tuple of int
        The shape that its numbers have in the file, reshaped.
    make : callable or None
        Makes the tensor of a stored shape; None if its numbers are integers.
    integers : tuple of int or None
        The numbers, if they are integers; None if not.
    is_transposed : bool
        Whether the node takes it, a matrix, transposed.
    """

    where: str
    stored_shape: tuple[int, ...]
    make: Callable[..., TensorRef] | None = None
    integers: tuple[int, ...] | None = None
    is_transposed: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the node takes."""
        return self.stored_shape[::-1] if self.is_transposed else self.stored_shape

    def transposed(self) -> Constant:
        """Return it, a matrix, transposed."""
        return replace(self, is_transposed=not self.is_transposed)

    def reshaped(self, target: Sequence[int], *, allow_zero: bool = False) -> Constant:
        """Return it in another shape, by the rule of ONNX's Reshape.

        Parameters
        ----------
        target : sequence of int
            -1 stands for what is left, 0 for the size of the same axis before, unless `allow_zero`.
        allow_zero : bool
            0 means 0.

        Raises
        ------
        ValueError
            The shape does not have as many elements, or the constant is transposed, which no
            program writes.
        """
        shape = [
            self.shape[axis] if size == 0 and not allow_zero and axis < len(self.shape) else size
            for axis, size in enumerate(target)
        ]
        if shape.count(-1) == 1:
            others = -prod(shape)
            place = shape.index(-1)
            shape[place] = prod(self.shape) // others if others > 0 else -1
        if min(shape, default=0) < 0 or prod(shape) != prod(self.shape) or self.is_transposed:
            raise ValueError(f"a tensor of shape {self.shape} cannot become {tuple(target)}")
        return replace(self, stored_shape=tuple(shape))

    def tensor(self) -> TensorRef:
        """Return it as a tensor of the network; WeightsError if its numbers are integers."""
        if self.make is None:
            types = ", ".join(FLOAT_BYTES)
            raise WeightsError(f"{self.where}: type I64; weights are one of {types}")
        return self.make(self.stored_shape, transposed=self.is_transposed)


def tensor_constant(file: WeightsFile, message: Any) -> Constant:
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
        or not as many as the shape says; or there are more integers than a shape has.
    """
    where = f"{file.path!r}: tensor {quoted(message.name)}"
    shape = tuple(message.dims)
    if len(shape) > MAX_RANK or any(size < 0 for size in shape):
        raise WeightsError(f"{where}: shape {shape}")
    dtype = DATA_TYPES.get(message.data_type, f"type number {message.data_type}")
    if dtype not in _TYPED_FIELDS:
        raise WeightsError(f"{where}: elements of {dtype}; {', '.join(_TYPED_FIELDS)} are read")
    count = prod(shape)
    if dtype == "I64" and count > MAX_INTEGERS:
        raise WeightsError(f"{where}: expected at most {MAX_INTEGERS} numbers of type I64")
    file, field, spans = _place(file, message, dtype, count, where)
    stored_bytes = sum(span.stored_bytes for span in spans)
    if field == "int32_data":
        # One number takes one to three bytes; how many there are shows when they are read.
        fits = count <= stored_bytes <= MAX_HALF_BYTES * count
        if not fits or any(span.key_bytes for span in spans):
            raise WeightsError(f"{where}: {stored_bytes} bytes of int32_data, shape {shape}")
        return Constant(where, shape, partial(_halves, file, spans, dtype, where))
    integers = tuple(message.int64_data)
    try:
        if dtype == "I64":
            found = len(integers) + stored_bytes // INT64_BYTES
        else:
            found = count_elements(spans, dtype)
    except ValueError as error:
        raise WeightsError(f"{where}: {error}") from error
    if found != count:
        raise WeightsError(f"{where}: {found} numbers, its shape {shape} has {count}")
    if dtype != "I64":
        return Constant(where, shape, partial(spans_tensor, file, spans, dtype))
    for span in spans:
        data = file.read_bytes(span.offset_bytes, count * INT64_BYTES)
        integers = tuple(np.frombuffer(data, "<i8").tolist())
    return Constant(where, shape, integers=integers)


def _place(
    file: WeightsFile, message: Any, dtype: str, count: int, where: str
) -> tuple[WeightsFile, str, list[Span]]:
    """Return the file that holds the numbers of a tensor, the field, and the blocks of them."""
    if message.HasField("segment"):
        raise WeightsError(f"{where}: it is cut into segments")
    filled = [field for field in _DATA_FIELDS if len(getattr(message, field))]
    if message.data_location == EXTERNAL or message.external_data:
        if filled or message.data_location != EXTERNAL:
            raise WeightsError(f"{where}: numbers both here and in another file, or in none")
        size_bytes = FLOAT_BYTES.get(dtype, INT64_BYTES) * count
        if size_bytes > MAX_FILE_BYTES:
            raise WeightsError(f"{where}: {size_bytes} bytes in another file")
        other, span = find_external(file, message.external_data, size_bytes, where)
        return other, "raw_data", [span]
    if len(filled) > 1:
        raise WeightsError(f"{where}: numbers in several fields: {', '.join(filled)}")
    field = filled[0] if filled else "raw_data"
    if field not in ("raw_data", _TYPED_FIELDS[dtype]):
        raise WeightsError(f"{where}: numbers of type {dtype} in {field}")
    if field == "int64_data":
        return file, field, []
    spans = [Span.decode(record) for record in getattr(message, field)]
    if field == "raw_data" and (len(spans) > 1 or any(span.key_bytes for span in spans)):
        raise WeightsError(f"{where}: its raw_data is not one block of bytes")
    return file, field, spans


def _halves(
    file: WeightsFile,
    spans: Sequence[Span],
    dtype: str,
    where: str,
    shape: tuple[int, ...],
    *,
    transposed: bool,
) -> TensorRef:
    tensor = HalvesTensor(file, spans, dtype, shape, where)
    return Computed(shape[::-1], np.transpose, tensor) if transposed else tensor
