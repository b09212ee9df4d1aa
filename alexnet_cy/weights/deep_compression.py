"""Read the ``.net`` file of Deep Compression: AlexNet in 8.9 MB.

Han, Mao and Dally (ICLR 2016) pruned BVLC AlexNet, retrained it, and gave the weights that are
left 255 values per convolution and 15 per fully connected layer. The file is
``AlexNet_compressed.net`` of github.com/songhan/Deep-Compression-AlexNet, the format that of
decode.py beside it. Nothing in the file states it: there is no magic number, no shape and no
version, so the shapes must be those of AlexNet and the file's size must come out exactly. All
numbers are little-endian.

    8 x uint32          n, how many entries each layer has: conv1 ... conv5, fc6 ... fc8
    then for each layer:
    256 | 16 x float32  codebook: convolution | fully connected layer
    O x float32         bias
    n | ceil(n / 2)     codes: a byte each | 4 bits each, the low half of a byte first
    ceil(n / 2)         gaps: 4 bits each, the low half of a byte first

Entry i sets the weight at position ``sum(gaps[:i + 1]) + i`` of the flattened array to
``codebook[codes[i]]``. A gap of more than 15 is bridged by entries of code 0. Weights that no entry
reaches have code 0 as well, and codebook[0] is 0. Where n is odd, the last half byte means nothing.
With as many weights left as the paper says, all eight layers are decoded in 0.07 s.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError
from alexnet_cy.network.specs import Conv, Linear
from alexnet_cy.network.variants import get_variant
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.network_file import NetworkFile
from alexnet_cy.weights.stored_floats import BlockTensor, read_floats

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from alexnet_cy.network.variants import Variant
    from alexnet_cy.weights.files import WeightsFile

__all__ = ["read"]

VARIANT = "caffe"
CONV_CODE_BITS = 8
LINEAR_CODE_BITS = 4
GAP_BITS = 4

_COUNT_BYTES = 4
_FLOAT_BYTES = 4
_CHUNK_ENTRIES = 1 << 18  # even; with int64 positions about 5 MiB beside the result


@dataclass(frozen=True, slots=True)
class _Section:
    """Where the parts of one layer lie in the file."""

    name: str
    shape: tuple[int, ...]
    entries: int
    code_bits: int
    codebook_offset: int

    @property
    def codebook_bytes(self) -> int:
        return _FLOAT_BYTES << self.code_bits

    @property
    def bias_offset(self) -> int:
        return self.codebook_offset + self.codebook_bytes

    @property
    def codes_offset(self) -> int:
        return self.bias_offset + _FLOAT_BYTES * self.shape[0]

    @property
    def gaps_offset(self) -> int:
        return self.codes_offset + _packed_bytes(self.entries, self.code_bits)

    @property
    def end(self) -> int:
        return self.gaps_offset + _packed_bytes(self.entries, GAP_BITS)


def read(path: str | os.PathLike[str], variant: Variant | None = None) -> NetworkFile:
    """Read the counts of a Deep Compression network and find its parts.

    Parameters
    ----------
    path : path-like
        The file, or a `WeightsFile`.
    variant : Variant, optional
        Whose shapes to assume, as the file has none; BVLC AlexNet's if left out.

    Returns
    -------
    NetworkFile
        Of variant "caffe".

    Raises
    ------
    WeightsError
        A count is 0 or more than the layer has weights, or the size of the file is not the one
        that follows from the counts.
    """
    file = open_file(path)
    head = file.head(_COUNT_BYTES * 8)
    try:
        sections = _sections(head, file.size_bytes, variant or get_variant(VARIANT))
    except ValueError as error:
        raise WeightsError(f"{file.path!r}: no Deep Compression network: {error}") from error
    tensors: dict[str, TensorRef] = {}
    for section in sections:
        tensors[f"{section.name}.weight"] = _CodedTensor(file, section)
        tensors[f"{section.name}.bias"] = BlockTensor(
            file, section.bias_offset, "F32", section.shape[:1]
        )
    metadata = {"entries": ", ".join(f"{part.name} {part.entries}" for part in sections)}
    return NetworkFile("deep-compression", tensors, VARIANT, metadata)


def _sections(head: bytes, file_bytes: int, variant: Variant) -> list[_Section]:
    """Find the parts of the file; ValueError if they cannot be."""
    layers = [layer for layer in variant.layers if isinstance(layer, Conv | Linear)]
    shapes = variant.parameter_shapes()
    position = _COUNT_BYTES * len(layers)
    if len(head) < position:
        raise ValueError(f"{file_bytes} bytes; the counts alone take {position}")
    counts = np.frombuffer(head, "<u4", len(layers)).tolist()
    sections = []
    for layer, entries in zip(layers, counts, strict=True):
        shape = shapes[f"{layer.name}.weight"]
        if not 1 <= entries <= prod(shape):
            raise ValueError(f"{layer.name}: {entries} entries for {prod(shape)} weights")
        code_bits = CONV_CODE_BITS if isinstance(layer, Conv) else LINEAR_CODE_BITS
        sections.append(_Section(layer.name, shape, entries, code_bits, position))
        position = sections[-1].end
    if position != file_bytes:
        raise ValueError(f"its counts make a file of {position} bytes, it has {file_bytes}")
    return sections


def _packed_bytes(count: int, bits: int) -> int:
    """Return how many bytes so many numbers of 4 or 8 bits take."""
    return (count * bits + 7) // 8


class _CodedTensor(TensorRef):
    """The weight of one layer; its `dtype` is "U8" or "U4", after the width of its codes."""

    __slots__ = ("_file", "_section")

    def __init__(self, file: WeightsFile, section: _Section) -> None:
        stored_bytes = section.codebook_bytes + section.end - section.codes_offset
        super().__init__(section.shape, f"U{section.code_bits}", stored_bytes)
        self._file = file
        self._section = section

    def read(self) -> NDArray[np.float32]:
        """Read and decode the weight.

        Raises
        ------
        WeightsError
            codebook[0] is not 0, or an entry lies beyond the end of the array.
        """
        file, section = self._file, self._section
        where = f"{file.path!r}: {section.name}.weight"
        codebook = read_floats(file, section.codebook_offset, "F32", (1 << section.code_bits,))
        if codebook[0] != 0:
            raise WeightsError(
                f"{where}: codebook[0] is {codebook[0]}; it stands for the weights that were "
                "pruned and must be 0"
            )
        weight = np.zeros(prod(section.shape), np.float32)
        last = -1
        for first in range(0, section.entries, _CHUNK_ENTRIES):
            count = min(_CHUNK_ENTRIES, section.entries - first)
            codes = _unpack(file, section.codes_offset, section.code_bits, first, count)
            gaps = _unpack(file, section.gaps_offset, GAP_BITS, first, count)
            # position[i] = position[i - 1] + 1 + gap[i]
            positions = np.cumsum(gaps, dtype=np.intp)
            positions += np.arange(last + 1, last + 1 + count)
            last = int(positions[-1])
            if last >= weight.size:
                raise WeightsError(f"{where}: an entry for position {last} of {weight.size}")
            weight[positions] = codebook[codes]
        return weight.reshape(section.shape)


def _unpack(file: WeightsFile, offset: int, bits: int, first: int, count: int) -> NDArray[np.uint8]:
    """Read numbers `first` to ``first + count`` of a packed array; `first` is even."""
    data = file.read_bytes(offset + first * bits // 8, _packed_bytes(count, bits))
    packed = np.frombuffer(data, np.uint8)
    if bits == 8:
        return packed
    halves = np.empty((len(packed), 2), np.uint8)
    np.bitwise_and(packed, 0x0F, out=halves[:, 0])
    np.right_shift(packed, 4, out=halves[:, 1])
    return halves.reshape(-1)[:count]
