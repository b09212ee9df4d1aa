"""Caffe's arrays, called blobs: their shapes, their numbers, and the layouts of parameters.

Until 2014 every blob had four axes (``num, channels, height, width``), so that a bias of 96 was
(1, 1, 1, 96) and a fully connected weight (1, 1, out, in). Newer ones have as many as they need.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.caffe.messages import RAW_DATA_TYPES
from alexnet_cy.weights.protobuf.spans import Span, count_elements, spans_tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from alexnet_cy.contracts.tensors import TensorRef
    from alexnet_cy.weights.files import WeightsFile

__all__ = ["blob_array", "blob_shape", "parameter_ref"]

MAX_AXES = 32  # kMaxBlobAxes in Caffe's blob.hpp
MAX_LENGTH = 2**31 - 1  # Caffe's shapes are ints
_LEGACY_FIELDS = ("num", "channels", "height", "width")


def blob_shape(blob: Any, where: str) -> tuple[int, ...]:
    """Return the shape of a blob as the file states it.

    Parameters
    ----------
    blob : BlobProto
        As read by `wire.read_message`.
    where : str
        What errors call the blob.

    Returns
    -------
    tuple of int
        The legacy shape if any of its four numbers is present, as in Caffe's blob.cpp
        (ShapeEquals), the new one otherwise.

    Raises
    ------
    WeightsError
        The blob has no shape, more than 32 axes, or an axis of no or negative length.
    """
    if any(blob.HasField(name) for name in _LEGACY_FIELDS):
        shape = tuple(getattr(blob, name) for name in _LEGACY_FIELDS)
    elif len(blob.shape.dim) > MAX_AXES:
        raise WeightsError(f"{where}: {len(blob.shape.dim)} axes; Caffe allows {MAX_AXES}")
    else:
        shape = tuple(blob.shape.dim)
    if not shape:
        raise WeightsError(f"{where}: has no shape")
    if not all(1 <= length <= MAX_LENGTH for length in shape):
        raise WeightsError(f"{where}: shape {shape}; every axis must be 1 to {MAX_LENGTH} long")
    return shape


def blob_array(file: WeightsFile, blob: Any, where: str) -> NDArray[np.float32]:
    """Read a blob.

    Returns
    -------
    float32 array
        In the shape that the file states.

    Raises
    ------
    WeightsError
        As `blob_shape`; or the blob holds no numbers, numbers in several fields, or not as many
        as its shape needs; or the file cannot be read.
    """
    shape = blob_shape(blob, where)
    dtype, spans = _numbers(blob, shape, where)
    return spans_tensor(file, spans, dtype, shape).read()


def parameter_ref(
    file: WeightsFile, blob: Any, where: str, *, axes: int, transposed: bool = False
) -> TensorRef:
    """Describe a blob that is a parameter of a layer.

    Parameters
    ----------
    file : WeightsFile
        The file.
    blob : BlobProto
        As read by `wire.read_message`.
    where : str
        What errors call the blob.
    axes : int
        How many axes the parameter has: 4 for the weight of a convolution, 2 for that of a fully
        connected layer, 1 for a bias. Axes of length 1 before them are dropped.
    transposed : bool
        The file has (in, out) for (out, in).

    Returns
    -------
    TensorRef
        In canonical layout.

    Raises
    ------
    WeightsError
        As `blob_array`; or the blob has other axes.
    """
    stored_shape = blob_shape(blob, where)
    dtype, spans = _numbers(blob, stored_shape, where)
    shape = stored_shape[-axes:]
    if len(shape) < axes or prod(stored_shape[:-axes]) != 1:
        raise WeightsError(f"{where}: shape {stored_shape}; a shape of {axes} axes is needed")
    return spans_tensor(file, spans, dtype, shape, transposed=transposed)


def _numbers(blob: Any, shape: tuple[int, ...], where: str) -> tuple[str, list[Span]]:
    """Return the type and the places of a blob's numbers, checked against its shape."""
    present = [name for name in ("data", "double_data", "raw_data") if getattr(blob, name)]
    if len(present) != 1:
        found = " and ".join(present) or "none"
        raise WeightsError(
            f"{where}: its numbers must be in one of the fields data, double_data and raw_data; "
            f"found {found}"
        )
    (name,) = present
    if name == "raw_data":
        dtype = RAW_DATA_TYPES.get(blob.raw_data_type, "")
        if not dtype:
            raise WeightsError(f"{where}: raw_data_type {blob.raw_data_type} is no float")
    else:
        dtype = "F32" if name == "data" else "F64"
    spans = [Span.decode(record) for record in getattr(blob, name)]
    try:
        count = count_elements(spans, dtype)
    except ValueError as error:
        raise WeightsError(f"{where}: {name}: {error}") from error
    if count != prod(shape):
        raise WeightsError(f"{where}: shape {shape} needs {prod(shape)} numbers, found {count}")
    return dtype, spans
