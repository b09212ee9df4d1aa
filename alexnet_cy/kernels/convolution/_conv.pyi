import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from alexnet_cy.kernels._bound import Bound
from alexnet_cy.kernels._runtime import AlignedMemory

class PackedConv:
    capsule: object
    weight_memory: AlignedMemory | memoryview
    bias_memory: AlignedMemory | memoryview
    out_channels: int
    group_channels: int
    kernel_h: int
    kernel_w: int
    groups: int
    def __new__(
        cls,
        out_channels: int,
        group_channels: int,
        kernel_h: int,
        kernel_w: int,
        bias: NDArray[np.float32] | None,
        groups: int,
        kernels: object,
        packed: tuple[memoryview, memoryview] | None = None,
    ) -> Self: ...
    def pack_filters(self, first: int, filters: NDArray[np.float32]) -> bool: ...
    @property
    def nbytes(self) -> int: ...
    def unpack(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...

class DirectConv2d(Bound):
    def __new__(
        cls,
        packed: PackedConv,
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        stride_h: int,
        stride_w: int,
        relu: bool,
        copy_columns: bool,
    ) -> Self: ...
