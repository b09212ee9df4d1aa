import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from alexnet_cy.kernels._bound import Bound
from alexnet_cy.kernels.convolution._winograd import WinogradShape

def transformed_floats(shape: WinogradShape) -> int: ...

class WinogradWeightGradient(Bound):
    def __new__(
        cls,
        shape: WinogradShape,
        x: NDArray[np.float32],
        e: NDArray[np.float32],
        du: NDArray[np.float32],
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        accumulate: bool,
    ) -> Self: ...

class WinogradKernelGradient(Bound):
    def __new__(
        cls, shape: WinogradShape, du: NDArray[np.float32], gradient: NDArray[np.float32]
    ) -> Self: ...
