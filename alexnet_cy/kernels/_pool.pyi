import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from alexnet_cy.kernels._bound import Bound

class MaxPool2d(Bound):
    def __new__(
        cls,
        kernels: object,
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        kernel_size: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int],
    ) -> Self: ...

class AdaptiveAvgPool2d(Bound):
    def __new__(cls, kernels: object, x: NDArray[np.float32], y: NDArray[np.float32]) -> Self: ...
