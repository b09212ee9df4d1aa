import numpy as np
from numpy.typing import NDArray

def local_response_norm(
    kernels: object,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    size: int,
    alpha: float,
    beta: float,
    k: float,
    threads: int,
) -> None: ...
