import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from alexnet_cy.kernels._bound import Bound
from alexnet_cy.kernels._runtime import AlignedMemory
from alexnet_cy.kernels.convolution._conv import PackedConv

_Transform = tuple[int, int, bool, NDArray[np.float32], NDArray[np.float32]]

class WinogradShape:
    out_channels: int
    group_channels: int
    kernel_h: int
    kernel_w: int
    groups: int
    kernels: object
    kernel_matrices: tuple[NDArray[np.float32], NDArray[np.float32]]
    transforms: tuple[list[_Transform], list[_Transform]]
    def __new__(
        cls,
        out_channels: int,
        group_channels: int,
        groups: int,
        kernel_matrices: tuple[NDArray[np.float32], NDArray[np.float32]],
        transforms: tuple[list[_Transform], list[_Transform]],
        kernels: object,
    ) -> Self: ...
    @property
    def layer_capsule(self) -> object: ...

class PackedWinograd:
    panels: PackedConv
    def __new__(
        cls, shape: WinogradShape, panels: PackedConv, transformed: memoryview | None = None
    ) -> Self: ...
    @property
    def transformed(self) -> AlignedMemory | memoryview | None: ...
    def transform(self, threads: int) -> None: ...
    @property
    def nbytes(self) -> int: ...

class WinogradConv2d(Bound):
    def __new__(
        cls,
        packed: PackedWinograd,
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        relu: bool,
    ) -> Self: ...

class TransformWeights(Bound):
    def __new__(cls, packed: PackedWinograd) -> Self: ...
