import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from alexnet_cy.kernels._bound import Bound

class LocalResponseNorm(Bound):
    def __new__(
        cls,
        kernels: object,
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        size: int,
        alpha: float,
        beta: float,
        k: float,
        within_channel: bool = False,
    ) -> Self: ...

class NormAndPool(Bound):
    def __new__(
        cls,
        kernels: object,
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        norm: tuple[int, float, float, float],
        kernel_size: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int],
    ) -> Self: ...
