"""A tensor that is read by rows, as from a file; it can be made to fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError

OnRows = Callable[[int, NDArray[np.float32]], None]


class RowTensor(TensorRef):
    """Rows of an array; `on_read` is called with each part, `on_check` looks through it."""

    def __init__(
        self,
        weight: NDArray[np.float32],
        on_read: OnRows | None = None,
        on_check: OnRows | None = None,
    ) -> None:
        super().__init__(weight.shape, "F32", weight.nbytes)
        self.weight = weight
        self.on_read = on_read
        self.on_check = on_check

    def read(self) -> NDArray[np.float32]:
        return self.weight.copy()

    @property
    def reads_rows(self) -> bool:
        return True

    def read_rows(self, first: int, out: NDArray[np.float32]) -> None:
        out[...] = self.weight[first : first + len(out)]
        if self.on_read is not None:
            self.on_read(first, out)

    def check_rows(self, first: int, rows: NDArray[np.float32]) -> None:
        if self.on_check is not None:
            self.on_check(first, rows)


class RowFile:
    """Counts the rows that are read of an array."""

    def __init__(self, weight: NDArray[np.float32]) -> None:
        self.weight = weight
        self.rows_read = 0
        self.broken = False

    def tensor(self, on_check: OnRows | None = None) -> RowTensor:
        return RowTensor(self.weight, self._count, on_check)

    def _count(self, first: int, rows: NDArray[np.float32]) -> None:
        if self.broken:
            raise WeightsError("the file has gone")
        self.rows_read += len(rows)
