import numpy as np
from numpy.typing import NDArray

def dropout(
    kernels: object,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    p: float,
    seed: int,
    stream: int,
    step: int,
    images: NDArray[np.int64],
    threads: int,
) -> None: ...
