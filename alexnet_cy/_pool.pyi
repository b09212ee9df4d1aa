import numpy as np
from numpy.typing import NDArray

def max_pool2d(
    kernels: object,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    kernel_size: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    threads: int,
) -> None: ...
def adaptive_avg_pool2d(
    kernels: object, x: NDArray[np.float32], y: NDArray[np.float32], threads: int
) -> None: ...
