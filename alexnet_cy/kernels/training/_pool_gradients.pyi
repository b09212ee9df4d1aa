import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from alexnet_cy.kernels._rows import RowByRow

class MaxPoolWinners(RowByRow):
    def __new__(
        cls,
        kernels: object,
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        winners: NDArray[np.uint8],
        kernel_size: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int],
    ) -> Self: ...

class MaxPoolGradient(RowByRow):
    def __new__(
        cls,
        kernels: object,
        dy: NDArray[np.float32],
        winners: NDArray[np.uint8],
        dx: NDArray[np.float32],
        kernel_size: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int],
        mask: NDArray[np.float32] | None,
    ) -> Self: ...

class AdaptiveAvgPoolGradient(RowByRow):
    def __new__(cls, kernels: object, dy: NDArray[np.float32], dx: NDArray[np.float32]) -> Self: ...

class ReluGradient(RowByRow):
    def __new__(
        cls,
        kernels: object,
        y: NDArray[np.float32],
        dy: NDArray[np.float32],
        dx: NDArray[np.float32],
        scale: float,
    ) -> Self: ...
