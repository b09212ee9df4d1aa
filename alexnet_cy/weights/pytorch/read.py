"""Read PyTorch checkpoints: ``.pth``, ``.pt`` and ``.pth.tar`` as torch.save writes them.

Both containers are read, the zip file of torch 1.6 and later and the sequence of pickles before it,
without torch and without running anything; see `torch_unpickler`. The state dict may be the saved
object itself or stand in it, under a usual name (``{"state_dict": ...}``) or any other.
"""

from __future__ import annotations

from math import prod
from operator import methodcaller
from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays.pickled import read_region
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.layouts import as_stored
from alexnet_cy.weights.naming.assemble import assemble
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.pytorch.architecture import built_of, epsilons_of
from alexnet_cy.weights.pytorch.legacy import read_legacy
from alexnet_cy.weights.pytorch.state_dict import find_state_dict
from alexnet_cy.weights.pytorch.stored import StoredTensor
from alexnet_cy.weights.pytorch.zip import description_of_arrays, read_zip
from alexnet_cy.weights.stored_floats import FLOAT_BYTES, BlockTensor, read_floats
from alexnet_cy.weights.zip_members import ZIP_MAGIC

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from alexnet_cy.weights.files import WeightsFile
    from alexnet_cy.weights.pytorch.checkpoint import Checkpoint, StoragePlace

__all__ = ["read"]

PICKLE_MAGIC = b"\x80"  # the PROTO opcode

# POSIX.1-1988 tar: the magic within a header of 512 bytes. Python 2's tarfile wrote it too.
_TAR_MAGIC = b"ustar"
_TAR_MAGIC_OFFSET = 257
_TAR_HEADER_BYTES = 512


def read(path: str | os.PathLike[str]) -> NetworkFile:
    """Read the structure of a PyTorch checkpoint.

    Parameters
    ----------
    path : path-like
        A file that torch.save wrote, in either container, with any pickle protocol.

    Returns
    -------
    NetworkFile
        `format` is "torch", `variant` "torchvision" if the names are torchvision's, `network`
        that of a whole model if its modules tell it. `metadata` has
        "container" ("zip" or "legacy") and, from training scripts, "arch".

    Raises
    ------
    WeightsError
        The file is damaged, does or names anything that a state dict does not need, holds no state
        dict, or is of the tar format of 2016, whose message says what to do.
    """
    file = open_file(path)
    if file.head(len(ZIP_MAGIC)) == ZIP_MAGIC:
        of_arrays = description_of_arrays(file)
        if of_arrays is not None:
            start = of_arrays.offset_bytes
            return read_region(file, "torch", start, start + of_arrays.size_bytes)
    checkpoint = _read_container(file)
    state = find_state_dict(file.path, checkpoint.root)
    metadata = state.metadata | {"container": checkpoint.container}

    def as_tensor(tensor: StoredTensor) -> TensorRef:
        return _tensor(file, tensor, checkpoint.places[tensor.storage.key])

    if state.module is not None:
        built = built_of(file.path, state.module, as_tensor)
        if built is not None:
            return NetworkFile("torch", built.tensors, None, metadata, built.network)
    named = assemble(
        {name: as_tensor(tensor) for name, tensor in state.tensors.items()},
        {} if state.module is None else epsilons_of(state.module),
    )
    # Names say little where modules have been seen that are none of an AlexNet's.
    variant = named.variant if state.module is None else None
    return NetworkFile("torch", named.tensors, variant, metadata | named.metadata, is_guess=True)


def _read_container(file: WeightsFile) -> Checkpoint:
    head = file.head(_TAR_HEADER_BYTES)
    if head.startswith(ZIP_MAGIC):
        return read_zip(file)
    if head.startswith(PICKLE_MAGIC):
        return read_legacy(file)
    if head.startswith(_TAR_MAGIC, _TAR_MAGIC_OFFSET):
        raise WeightsError(
            f"{file.path!r}: the tar format that torch wrote until 2016 is not read; for "
            "torchvision's AlexNet download alexnet-owt-7be5be79.pth "
            "(alexnet-cy weights get torchvision), else load the file with torch and save it again"
        )
    raise WeightsError(f"{file.path!r}: not a file that torch.save wrote")


def _tensor(file: WeightsFile, tensor: StoredTensor, place: StoragePlace) -> TensorRef:
    """Return what reads a tensor, whatever the order of its elements in the storage."""
    storage = tensor.storage
    offset_bytes = place.offset_bytes + (storage.first + tensor.offset) * storage.item_bytes
    axes = zip(tensor.shape, tensor.strides, strict=True)
    extent = 1 + sum((size - 1) * stride for size, stride in axes) if 0 not in tensor.shape else 0
    crc32 = place.crc32 if extent == storage.elements else None  # it is that of the whole storage
    order = _stored_order(tensor)
    if order is None or storage.dtype not in FLOAT_BYTES:
        return _StridedTensor(file, offset_bytes, tensor, extent, crc32)
    is_canonical = order == list(range(len(order)))
    layout = as_stored if is_canonical else methodcaller("transpose", order)
    return BlockTensor(file, offset_bytes, storage.dtype, tensor.shape, crc32, layout)


class _StridedTensor(TensorRef):
    """A part of a larger tensor, with gaps: all from the first to the last element is read."""

    __slots__ = ("_crc32", "_extent", "_file", "_offset_bytes", "_strides")

    def __init__(
        self,
        file: WeightsFile,
        offset_bytes: int,
        tensor: StoredTensor,
        extent: int,
        crc32: int | None,
    ) -> None:
        stored_bytes = prod(tensor.shape) * tensor.storage.item_bytes
        super().__init__(tensor.shape, tensor.storage.dtype, stored_bytes)
        self._file = file
        self._offset_bytes = offset_bytes
        self._strides = tensor.strides
        self._extent = extent
        self._crc32 = crc32

    def read(self) -> NDArray[np.float32]:
        """Read what lies between, and take the elements out of it."""
        flat = read_floats(self._file, self._offset_bytes, self.dtype, (self._extent,), self._crc32)
        strides_bytes = [stride * flat.itemsize for stride in self._strides]
        elements = np.lib.stride_tricks.as_strided(flat, self.shape, strides_bytes)
        return np.array(elements, order="C")


def _stored_order(tensor: StoredTensor) -> list[int] | None:
    """Return the axes from the slowest to the fastest, None if the elements leave gaps."""
    axes = sorted(range(len(tensor.shape)), key=lambda axis: -tensor.strides[axis])
    expected = 1
    for axis in reversed(axes):
        if tensor.shape[axis] != 1 and tensor.strides[axis] != expected:
            return None
        expected *= tensor.shape[axis]
    return axes
