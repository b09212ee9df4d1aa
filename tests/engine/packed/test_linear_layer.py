"""A fully connected layer whose weights stay in their file until they are used a second time."""

from threading import Barrier, Thread

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.row_file import RowFile
from support.samples import normal

from alexnet_cy.contracts.tensors import ArrayTensor
from alexnet_cy.engine.packed.linear_layer import MOST_STREAMED_IMAGES, LinearLayer
from alexnet_cy.engine.packed.linear_packing import ROWS, pack_linear
from alexnet_cy.errors import WeightsError
from alexnet_cy.kernels import _linear
from alexnet_cy.machine.levels import active_kernels


def layer_of(weight, bias):
    file = RowFile(weight)
    return LinearLayer(file.tensor(), ArrayTensor(bias), active_kernels()), file


def inputs(n_images, width, density=0.5):
    x = normal(2, n_images, width)
    x[normal(3, n_images, width) > 2 * density - 1] = 0
    return x


def run(layer, x, out_features, *, relu=False, threads=2):
    y = np.full((len(x), out_features), np.nan, np.float32)
    layer.bind(x, y, relu=relu).run(threads)
    return y


def of_packed(weight, bias, x, relu=False):
    packed = pack_linear(ArrayTensor(weight), bias, active_kernels(), 1)
    y = np.empty((len(x), len(weight)), np.float32)
    _linear.Linear(packed, x, y, relu).run(1)
    return y


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("width", [1, ROWS - 1, ROWS, 2 * ROWS + 9])
@pytest.mark.parametrize("n_images", [1, 3, MOST_STREAMED_IMAGES])
def test_the_same_bits_streamed_and_packed(n_images, width, threads, relu):
    weight, bias, x = normal(0, width, 66), normal(1, width), inputs(n_images, 66)
    expected = of_packed(weight, bias, x, relu)
    layer, file = layer_of(weight, bias)
    for read, packed in ((width, False), (2 * width, True), (2 * width, True)):
        assert_same_bits(run(layer, x, width, relu=relu, threads=threads), expected)
        assert file.rows_read == read
        assert (layer.nbytes > 0) == packed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(value):
    weight, bias = normal(0, 3 * ROWS, 66), normal(1, 3 * ROWS)
    weight[ROWS + 2, 5] = value
    x = inputs(2, 66)
    x[:, 5] = 0
    layer, _ = layer_of(weight, bias)
    expected = of_packed(weight, bias, x)
    assert not np.isfinite(expected[:, ROWS + 2]).all()
    np.testing.assert_array_equal(run(layer, x, 3 * ROWS, threads=1), expected)
    assert layer.nbytes == 0


@pytest.mark.parametrize("calls", [1, 2])
def test_rows_that_are_not_finite_are_refused_where_the_tensor_says_so(calls):
    weight, bias, x = normal(0, 3 * ROWS, 66), normal(1, 3 * ROWS), inputs(1, 66)
    file = RowFile(weight)
    checked = []

    def check_rows(first, rows):
        checked.append((first, len(rows)))
        raise WeightsError("NaN in there")

    layer = LinearLayer(file.tensor(check_rows), ArrayTensor(bias), active_kernels())
    for _ in range(calls - 1):
        run(layer, x, 3 * ROWS)
    assert not checked
    weight[ROWS + 2, 5] = np.nan
    with pytest.raises(WeightsError, match="NaN in there"):
        run(layer, x, 3 * ROWS)
    ((first, count),) = checked
    assert first <= ROWS + 2 < first + count


def test_many_images_are_worth_packing_for():
    weight, bias, x = normal(0, 70, 66), normal(1, 70), inputs(MOST_STREAMED_IMAGES + 1, 66)
    layer, file = layer_of(weight, bias)
    assert_same_bits(run(layer, x, 70), of_packed(weight, bias, x))
    assert layer.nbytes > 0
    assert file.rows_read == 70


def test_what_is_read_as_a_whole_is_packed():
    weight, bias, x = normal(0, 70, 66), normal(1, 70), inputs(1, 66)
    layer = LinearLayer(ArrayTensor(weight), ArrayTensor(bias), active_kernels())
    assert_same_bits(run(layer, x, 70), of_packed(weight, bias, x))
    assert layer.nbytes > 0


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_tensors_are_as_they_came(calls):
    weight, bias, x = normal(0, 70, 66), normal(1, 70), inputs(1, 66)
    layer, _ = layer_of(weight, bias)
    for _ in range(calls):
        run(layer, x, 70)
    for kind, expected in (("weight", weight), ("bias", bias)):
        fresh = layer.tensor(kind)
        assert_same_bits(fresh, expected)
        assert not np.shares_memory(fresh, expected)
        assert fresh.flags.writeable


@pytest.mark.parametrize("calls", [0, 1])
def test_an_error_leaves_the_layer_usable(calls):
    weight, bias, x = normal(0, 3 * ROWS, 66), normal(1, 3 * ROWS), inputs(1, 66)
    layer, file = layer_of(weight, bias)
    for _ in range(calls):
        run(layer, x, len(weight))
    file.broken = True
    with pytest.raises(WeightsError, match="the file has gone"):
        run(layer, x, len(weight))
    with pytest.raises(WeightsError, match="the file has gone"):
        layer.pack(threads=2)
    file.broken = False
    assert_same_bits(run(layer, x, len(weight)), of_packed(weight, bias, x))


def test_callers_at_the_same_time():
    weight, bias, x = normal(0, 5 * ROWS, 66), normal(1, 5 * ROWS), inputs(1, 66)
    layer, file = layer_of(weight, bias)
    start, results = Barrier(6), []

    def call():
        start.wait()
        results.append(run(layer, x, len(weight)))

    threads = [Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 6
    for y in results:
        assert_same_bits(y, of_packed(weight, bias, x))
    assert file.rows_read == 2 * len(weight)
