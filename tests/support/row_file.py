"""A tensor that is read by rows, as from a file; it can be made to fail."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alexnet_cy.contracts.tensors import TensorRef
from alexnet_cy.errors import WeightsError


class RowFile:
    """Counts the rows that are read of an array."""

    def __init__(self, weight: NDArray[np.float32]) -> None:
        self.weight = weight
        self.rows_read = 0
        self.broken = False

    def read_rows(self, first: int, rows: NDArray[np.float32]) -> None:
        if self.broken:
            raise WeightsError("the file has gone")
        rows[...] = self.weight[first : first + len(rows)]
        self.rows_read += len(rows)

    def tensor(self) -> TensorRef:
        weight = self.weight
        return TensorRef(weight.shape, "F32", weight.nbytes, weight.copy, self.read_rows)
