import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from alexnet_cy.kernels._bound import Bound

class ClearPadding(Bound):
    def __new__(
        cls, whole: NDArray[np.float32], padding: tuple[tuple[int, int], tuple[int, int]]
    ) -> Self: ...

class NhwcToNchw(Bound):
    def __new__(cls, x: NDArray[np.float32], y: NDArray[np.float32]) -> Self: ...

def nchw_to_nhwc(x: NDArray[np.float32], y: NDArray[np.float32], threads: int) -> None: ...
def pixels_to_depth(
    x: NDArray[np.uint8],
    channels: tuple[int, ...],
    table: NDArray[np.float32],
    y: NDArray[np.float32],
    block: tuple[int, int],
    padding: tuple[int, int],
    threads: int,
) -> None: ...
def space_to_depth(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    block: tuple[int, int],
    padding: tuple[int, int],
    threads: int,
) -> None: ...
