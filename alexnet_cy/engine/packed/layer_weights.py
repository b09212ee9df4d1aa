"""The base of convolutions and fully connected layers: weights that wait in their file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, Protocol, TypeVar

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.kernels._turns import Turns

__all__ = ["LayerWeights"]


class _Packed(Protocol):
    @property
    def nbytes(self) -> int: ...

    def unpack(self) -> tuple[Float32Array, Float32Array]: ...


P = TypeVar("P", bound=_Packed)


class LayerWeights(ABC, Generic[P]):
    """The weights of one layer: in the file, and packed as soon as that pays.

    The packed weights take the place of the tensors, and give them back. Several threads may use a
    layer at once. The bits of the results do not depend on where the weights are.

    Parameters
    ----------
    weight, bias : TensorRef
        Read when they are needed.
    kernels : capsule
        The instruction-set level.
    """

    def __init__(self, weight: TensorRef, bias: TensorRef, kernels: object) -> None:
        self._kernels = kernels
        self._tensors: tuple[TensorRef, TensorRef] | None = (weight, bias)
        self._packed: P | None = None
        self._claims = ["the first pass"]
        self._turns = Turns()

    def pack(self, threads: int) -> P:
        """Return the packed weights, which take the place of the tensors.

        Raises
        ------
        WeightsError
            The weights cannot be read.
        """
        packed = self._packed
        return self._turns.do(lambda: self._pack_once(threads)) if packed is None else packed

    def adopt(self, packed: P) -> None:
        """Take weights that are packed already in place of the tensors."""
        self._packed, self._tensors = packed, None

    def _pack_once(self, threads: int) -> P:
        tensors, packed = self._tensors, self._packed  # in this order: one of them is there
        if packed is None:
            assert tensors is not None
            weight, bias = tensors
            packed = self._pack(weight, bias.read(), threads)
            if self._packed is None:  # else something that interrupted this has packed them too
                self._packed = packed
            self._tensors = None
        return self._packed or packed

    def tensor(self, kind: str) -> Float32Array:
        """Return a fresh copy of "weight" or "bias", as the file has it."""
        tensors, packed = self._tensors, self._packed  # in this order: one of them is there
        place = ("weight", "bias").index(kind)
        if tensors is not None:
            return np.array(tensors[place].read(), np.float32)
        assert packed is not None
        return packed.unpack()[place]

    @property
    def nbytes(self) -> int:
        """Bytes of what has been packed."""
        return 0 if self._packed is None else self._packed.nbytes

    @abstractmethod
    def _pack(self, weight: TensorRef, bias: Float32Array, threads: int) -> P:
        """Read the weights, and pack them."""

    def _claim_unread(self) -> tuple[TensorRef, TensorRef] | None:
        """Return the tensors to the first caller, who uses them once; None to all others."""
        try:
            self._claims.pop()  # atomic
        except IndexError:
            return None
        return self._tensors
