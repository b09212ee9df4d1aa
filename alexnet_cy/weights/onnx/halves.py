"""16-bit floats whose bits are written as varints, one after the other (int32_data)."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from alexnet_cy.weights.files import WeightsFile
    from alexnet_cy.weights.protobuf.spans import Span

__all__ = ["MAX_HALF_BYTES", "HalvesTensor"]

MAX_HALF_BYTES = 3  # 16 bits as a varint, 7 bits to the byte

_CHUNK_BYTES = 1 << 20


class HalvesTensor(TensorRef):
    """A tensor of them.

    Parameters
    ----------
    file : WeightsFile
    spans : sequence of Span
        Packed; how many numbers there are shows when they are read.
    dtype : str
        "F16" or "BF16".
    shape : tuple of int
    where : str
        What errors call the tensor.
    """

    __slots__ = ("_file", "_spans", "_where")

    def __init__(
        self,
        file: WeightsFile,
        spans: Sequence[Span],
        dtype: str,
        shape: tuple[int, ...],
        where: str,
    ) -> None:
        super().__init__(shape, dtype, sum(span.stored_bytes for span in spans))
        self._file = file
        self._spans = spans
        self._where = where

    def read(self) -> NDArray[np.float32]:
        """Read the numbers, decoding a part of the varints at a time."""
        result = np.empty(prod(self.shape), np.float32)
        done = 0
        for bits in self._varints():
            part = result[done : done + len(bits)]
            if len(part) < len(bits):
                raise WeightsError(f"{self._where}: more numbers than its shape {self.shape} has")
            if self.dtype == "BF16":  # the upper half of a float32
                part.view(np.uint32)[:] = bits << 16
            else:
                part[:] = bits.astype(np.uint16).view(np.float16)
            done += len(bits)
        if done < len(result):
            raise WeightsError(
                f"{self._where}: {done} numbers, its shape {self.shape} has {len(result)}"
            )
        return result.reshape(self.shape)

    def _varints(self) -> Iterator[NDArray[np.uint32]]:
        """Yield the numbers of the packed spans, some thousand at a time."""
        for span in self._spans:
            rest = b""
            for first in range(0, span.stored_bytes, _CHUNK_BYTES):
                count = min(_CHUNK_BYTES, span.stored_bytes - first)
                data = rest + self._file.read_bytes(span.offset_bytes + first, count)
                numbers, rest = _decode_halves(data)
                if len(rest) >= MAX_HALF_BYTES or (numbers >> 16).any():
                    raise WeightsError(
                        f"{self._where}: a number of more than 16 bits in its int32_data"
                    )
                yield numbers
            if rest:
                raise WeightsError(f"{self._where}: its int32_data ends within a number")


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
