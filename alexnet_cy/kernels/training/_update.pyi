import numpy as np
from numpy.typing import NDArray

def sgd(
    kernels: object,
    weight: NDArray[np.float32],
    gradient: NDArray[np.float32],
    velocity: NDArray[np.float32],
    learning_rate: float,
    momentum: float,
    decay: float,
    rate_inside: bool,
    threads: int,
) -> None: ...
