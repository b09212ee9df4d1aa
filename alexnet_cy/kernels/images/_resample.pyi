import numpy as np
from numpy.typing import NDArray

def resample_columns(
    kernels: object,
    x: NDArray[np.uint8],
    first: NDArray[np.int32],
    count: NDArray[np.int32],
    weight: NDArray[np.int32],
    y: NDArray[np.uint8],
) -> None: ...
def resample_rows(
    kernels: object,
    x: NDArray[np.uint8],
    first: NDArray[np.int32],
    count: NDArray[np.int32],
    weight: NDArray[np.int32],
    y: NDArray[np.uint8],
) -> None: ...
