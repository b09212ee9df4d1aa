import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

class PackedConv:
    out_channels: int
    group_channels: int
    kernel_h: int
    kernel_w: int
    groups: int
    def __new__(
        cls,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        groups: int,
        kernels: object,
    ) -> Self: ...
    @property
    def nbytes(self) -> int: ...

def conv2d(
    packed: PackedConv,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    stride_h: int,
    stride_w: int,
    relu: bool,
    copy_columns: bool,
    threads: int,
) -> None: ...
