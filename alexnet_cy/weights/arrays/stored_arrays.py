"""NumPy arrays inside a file: their shape, element type and order, and where the numbers begin.

The readers of ``.npy`` and ``.npz`` find such arrays by name; what they mean for a network, names
and orders of axes, is worked out here for both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.layouts import Layout, as_stored, in_out, tensorflow_layout
from alexnet_cy.weights.naming.assemble import assemble, has_names_of, name_tensors
from alexnet_cy.weights.naming.finish import EPSILON, TENSORFLOW_EPSILON, finish
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.stored_floats import STORED_TYPES, BlockTensor, fill_view

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from alexnet_cy.network.architecture import Variant
    from alexnet_cy.weights.files import WeightsFile
    from alexnet_cy.weights.stored_floats import Fill

__all__ = [
    "FLOAT_NAMES",
    "MAX_RANK",
    "Block",
    "StoredArray",
    "as_tensor",
    "check_element_type",
    "is_counter",
    "network_file",
]

FLOAT_NAMES = {2: "F16", 4: "F32", 8: "F64"}
"""The floating-point formats that are read, by the bytes of one number."""

MAX_RANK = 4
"""Weights have at most four axes."""


class Block(NamedTuple):
    """The bytes of an array in a file, and the checksum that they must have if there is one."""

    file: WeightsFile
    offset_bytes: int
    crc32: int | None


@dataclass(frozen=True, slots=True)
class StoredArray:
    """One array of floating-point numbers in a file.

    Attributes
    ----------
    shape : tuple of int
        As the file has it.
    dtype : numpy.dtype
        float16, float32 or float64 of either byte order.
    fortran_order : bool
        Whether the first index varies fastest.
    stored_bytes : int
        Bytes that it takes in the file.
    open : callable
        ``open()`` returns a function that fills one buffer after the other with the array's bytes.
    block : Block or None
        Where these bytes lie in the file, one after the other; None if they must be decoded.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    stored_bytes: int
    open: Callable[[], Fill]
    block: Block | None = None

    @property
    def size_bytes(self) -> int:
        """Bytes of the array in memory, in the file's element type."""
        return prod(self.shape) * self.dtype.itemsize


def is_counter(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bool:
    """Tell whether an array is no parameter: a single number, or a row of whole numbers."""
    return not shape or (dtype.kind in "iub" and len(shape) < 2)


def check_element_type(what: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    """Refuse what cannot be a weight: other element types, too many axes, empty or huge arrays.

    Raises
    ------
    WeightsError
        The message begins with `what`.
    """
    if dtype.kind != "f" or dtype.itemsize not in FLOAT_NAMES:
        raise WeightsError(
            f"{what}: elements of type {str(dtype)[:60]}; weights are float16, 32 or 64"
        )
    if not 1 <= len(shape) <= MAX_RANK:
        raise WeightsError(f"{what}: {len(shape)} axes; weights have 1 to {MAX_RANK}")
    if min(shape) < 1:
        raise WeightsError(f"{what}: shape {shape}; weights have no empty axes")


def network_file(
    format_name: str,
    arrays: Mapping[str, StoredArray],
    variant: str | None,
    metadata: Mapping[str, str],
    network: Variant | None = None,
    *,
    transposed_linear: bool = False,
    epsilon: float | None = None,
) -> NetworkFile:
    """Give named arrays their canonical names, shapes and layouts.

    Parameters
    ----------
    format_name : str
        What `NetworkFile.format` becomes.
    arrays : mapping of str to StoredArray
        By their names in the file.
    variant : str or None
        The variant that the file names; if it names none, the names of the tensors may tell.
    metadata : mapping of str to str
        Handed on.
    network : Variant, optional
        The network that the file describes; its names are taken if the arrays have them.
    transposed_linear : bool
        Whether fully connected layers are (in, out), with inputs in the order C, H, W.
    epsilon : float, optional
        What is added to the variances of batch normalisations; left out, what is usual with the
        names that they have.

    Raises
    ------
    WeightsError
        Two names mean the same tensor.
    """
    if network is not None:
        plain = {name: as_tensor(array, array.shape, as_stored) for name, array in arrays.items()}
        if has_names_of(network, plain):
            assembled = assemble(plain, network=network)
            noted = {**metadata, **assembled.metadata}
            return NetworkFile(format_name, assembled.tensors, variant, noted, network)
    stored = {}
    for name, array in arrays.items():
        if transposed_linear and len(array.shape) == 2:
            stored[name] = as_tensor(array, array.shape[::-1], in_out)
        else:
            stored[name] = as_tensor(array, array.shape, as_stored)
    named = name_tensors(stored)
    tensors = {canonical: stored[name] for canonical, name in named.stored.items()}
    if named.tensorflow_layout:
        found = {canonical: arrays[name] for canonical, name in named.stored.items()}
        conv5 = found.get("conv5.weight")
        image_channels = conv5.shape[-1] if conv5 is not None and conv5.shape else 0
        for name, array in found.items():
            shape, layout = tensorflow_layout(name, array.shape, image_channels)
            tensors[name] = as_tensor(array, shape, layout)
    noted = {**metadata, **named.metadata}
    if epsilon is None:
        is_tensorflows = any(name.endswith("moving_mean") for name in arrays)
        epsilon = TENSORFLOW_EPSILON if is_tensorflows else EPSILON
    return NetworkFile(
        format_name,
        finish(tensors, epsilon),
        variant or named.variant,
        noted,
        network,
        is_guess=variant is None,
    )


def as_tensor(array: StoredArray, shape: tuple[int, ...], layout: Layout) -> TensorRef:
    """Return what reads an array.

    Parameters
    ----------
    array : StoredArray
    shape : tuple of int
        Canonical shape.
    layout : Layout
        From the canonical array to a view of it in the file's order.
    """
    if array.fortran_order:
        layout = partial(_fortran_view, layout, len(array.shape))
    name = FLOAT_NAMES[array.dtype.itemsize]
    if array.block is not None and array.dtype == STORED_TYPES[name]:
        file, offset_bytes, crc32 = array.block
        return BlockTensor(file, offset_bytes, name, shape, crc32, layout)
    return _DecodedTensor(array, shape, layout)


class _DecodedTensor(TensorRef):
    """An array that is compressed, or of big-endian numbers, or in the text of a pickle."""

    __slots__ = ("_array", "_layout")

    def __init__(self, array: StoredArray, shape: tuple[int, ...], layout: Layout) -> None:
        super().__init__(shape, FLOAT_NAMES[array.dtype.itemsize], array.stored_bytes)
        self._array = array
        self._layout = layout

    def read(self) -> NDArray[np.float32]:
        """Read the numbers in the order in which they are stored."""
        result = np.empty(self.shape, np.float32)
        fill_view(self._layout(result), self._array.dtype, self._array.open())
        return result


def _fortran_view(layout: Layout, stored_rank: int, array: NDArray[Any]) -> NDArray[Any]:
    view = layout(array)
    # A layout may split the first of two axes, (in, out), into the three of an image: these stay
    # together, in their order.
    return view.T if view.ndim == stored_rank else np.moveaxis(view, -1, 0)
