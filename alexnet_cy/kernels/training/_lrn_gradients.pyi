import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from alexnet_cy.kernels._bound import Bound
from alexnet_cy.kernels._rows import RowByRow

class NormGradient(RowByRow):
    def __new__(
        cls,
        kernels: object,
        x: NDArray[np.float32],
        dy: NDArray[np.float32],
        dx: NDArray[np.float32],
        size: int,
        alpha: float,
        beta: float,
        k: float,
        relu: bool,
    ) -> Self: ...

class NormWithinGradient(Bound):
    def __new__(
        cls,
        kernels: object,
        x: NDArray[np.float32],
        dy: NDArray[np.float32],
        dx: NDArray[np.float32],
        size: int,
        alpha: float,
        beta: float,
        k: float,
        relu: bool,
    ) -> Self: ...

class NormAndPoolWinners(Bound):
    def __new__(
        cls,
        kernels: object,
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        winners: NDArray[np.uint8],
        norm: tuple[int, float, float, float],
        kernel_size: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int],
    ) -> Self: ...

class NormAndPoolGradient(RowByRow):
    def __new__(
        cls,
        kernels: object,
        x: NDArray[np.float32],
        dy: NDArray[np.float32],
        winners: NDArray[np.uint8],
        dx: NDArray[np.float32],
        norm: tuple[int, float, float, float],
        kernel_size: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int],
        relu: bool,
    ) -> Self: ...
