import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from alexnet_cy.kernels._bound import Bound
from alexnet_cy.kernels._runtime import AlignedMemory

class PackedLinear:
    in_features: int
    out_features: int
    finite: bool
    capsule: object
    weight_memory: AlignedMemory | memoryview
    bias_memory: AlignedMemory | memoryview
    row_stride: int
    def __new__(
        cls,
        out_features: int,
        in_features: int,
        bias: NDArray[np.float32] | None,
        kernels: object,
        threads: int,
        packed: tuple[memoryview, memoryview, bool] | None = None,
    ) -> Self: ...
    def pack_rows(self, first: int, rows: NDArray[np.float32]) -> bool: ...
    @property
    def nbytes(self) -> int: ...
    def unpack(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...

class Linear(Bound):
    def __new__(
        cls, packed: PackedLinear, x: NDArray[np.float32], y: NDArray[np.float32], relu: bool
    ) -> Self: ...

def linear_rows(
    kernels: object,
    rows: NDArray[np.float32],
    bias: NDArray[np.float32],
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    first: int,
    relu: bool,
) -> bool: ...
