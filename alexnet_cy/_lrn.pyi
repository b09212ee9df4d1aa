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
def norm_and_pool(
    kernels: object,
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    norm: tuple[int, float, float, float],
    kernel_size: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    threads: int,
) -> None: ...
