from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from alexnet_cy.kernels.convolution._winograd import WinogradShape

MOST_TILES: int

class StreamedWinograd:
    def __new__(
        cls,
        shape: WinogradShape,
        bias: NDArray[np.float32] | None,
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        rows: NDArray[np.intp],
        columns: NDArray[np.intp],
        relu: bool,
        threads: int,
    ) -> Self: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    def take_filters(self, first: int, filters: NDArray[np.float32], threads: int = 1) -> bool: ...
