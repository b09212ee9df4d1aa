import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from alexnet_cy.kernels._rows import RowByRow

class UnitDistance(RowByRow):
    def __new__(
        cls,
        kernels: object,
        a: NDArray[np.float32],
        b: NDArray[np.float32],
        weight: NDArray[np.float32],
        epsilon: float,
        distance: NDArray[np.float32],
    ) -> Self: ...
