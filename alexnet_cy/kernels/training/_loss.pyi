import numpy as np
from numpy.typing import NDArray

def cross_entropy(
    kernels: object,
    z: NDArray[np.float32],
    labels: NDArray[np.int64],
    class_weights: NDArray[np.float32] | None,
    divisor: float,
    dz: NDArray[np.float32],
    losses: NDArray[np.float64],
    threads: int,
) -> None: ...
