import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from alexnet_cy.kernels._bound import Bound
from alexnet_cy.kernels.convolution._conv import PackedConv

class ConvWeightGradient(Bound):
    def __new__(
        cls,
        like: PackedConv,
        x: NDArray[np.float32],
        e: NDArray[np.float32],
        gradient: NDArray[np.float32],
        stride_h: int,
        stride_w: int,
        accumulate: bool,
    ) -> Self: ...

class ChannelSums(Bound):
    def __new__(
        cls,
        kernels: object,
        e: NDArray[np.float32],
        gradient: NDArray[np.float32],
        groups: int,
        accumulate: bool,
    ) -> Self: ...

class RotateWeights(Bound):
    def __new__(cls, source: PackedConv, target: PackedConv) -> Self: ...

def clear_beyond(
    like: PackedConv, gradient: NDArray[np.float32], block: tuple[int, int], kernel: tuple[int, int]
) -> None: ...
