"""Fully connected weights that are read while they are packed."""

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.row_file import RowTensor
from support.samples import normal

from alexnet_cy.contracts.tensors import ArrayTensor
from alexnet_cy.engine.packed.linear_packing import ROWS, pack_linear
from alexnet_cy.errors import WeightsError
from alexnet_cy.machine.levels import active_kernels


class OnlyRows(RowTensor):
    def read(self):
        raise AssertionError("read as a whole")


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("width", [1, ROWS - 1, ROWS, ROWS + 1, 511, 513, 1000])
def test_by_rows_as_at_once(width, threads):
    weight, bias = normal(0, width, 30), normal(1, width)
    for tensor in OnlyRows(weight), ArrayTensor(weight):
        packed = pack_linear(tensor, bias, active_kernels(), threads)
        unpacked, offsets = packed.unpack()
        assert_same_bits(unpacked, weight)
        assert_same_bits(offsets, bias)
        assert packed.finite


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_while_reading_comes_out(threads):
    calls = []

    def read_rows(first, rows):
        calls.append(first)
        if first >= 5 * ROWS:
            raise WeightsError("the file has gone")

    weight = np.zeros((40 * ROWS, 8), np.float32)
    with pytest.raises(WeightsError, match="the file has gone"):
        pack_linear(OnlyRows(weight, read_rows), None, active_kernels(), threads)
    assert len(calls) < 40  # nobody goes on after that
    assert len(set(calls)) == len(calls)
