import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from alexnet_cy.kernels._bound import Bound
from alexnet_cy.kernels._linear import PackedLinear

class LinearDataGradient(Bound):
    def __new__(
        cls,
        packed: PackedLinear,
        e: NDArray[np.float32],
        dx: NDArray[np.float32],
        mask: NDArray[np.float32] | None,
        scale: float,
    ) -> Self: ...

class LinearWeightGradient(Bound):
    def __new__(
        cls,
        like: PackedLinear,
        x: NDArray[np.float32],
        e: NDArray[np.float32],
        gradient: NDArray[np.float32],
        accumulate: bool,
    ) -> Self: ...

def linear_update(
    packed: PackedLinear,
    x: NDArray[np.float32],
    e: NDArray[np.float32],
    velocity: NDArray[np.float32],
    learning_rate: float,
    momentum: float,
    decay: float,
    rate_inside: bool,
    data: LinearDataGradient | None,
    threads: int,
) -> None: ...
