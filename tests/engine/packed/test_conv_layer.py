"""A convolution whose weights stay in their file until they are used a second time."""

from threading import Barrier, Thread

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.row_file import RowFile
from support.samples import normal

from alexnet_cy.contracts.tensors import ArrayTensor
from alexnet_cy.engine.packed.conv_layer import ConvLayer
from alexnet_cy.engine.packed.conv_packing import pack_array
from alexnet_cy.engine.packed.winograd_packing import pack_winograd
from alexnet_cy.engine.packed.winograd_streaming import Tiling, can_stream
from alexnet_cy.engine.winograd import block_taps, tile_cuts
from alexnet_cy.errors import WeightsError
from alexnet_cy.kernels.convolution import _conv, _winograd
from alexnet_cy.kernels.convolution._winograd_streaming import MOST_TILES
from alexnet_cy.machine.levels import active_kernels
from alexnet_cy.network import Conv

# out channels, channels of a group, kernel, stride, groups: conv1, conv2 and conv3, made narrow
SHAPES = [(70, 3, 11, 4, 1), (64, 9, 5, 1, 2), (150, 20, 3, 1, 1), (90, 5, 3, 1, 3)]
NARROW = SHAPES[1]


class Case:
    """A convolution with random weights, and its layer, whose weights come from a file."""

    def __init__(self, shape, images=1):
        out_channels, channels, kernel, stride, groups = shape
        self.weight = normal(0, out_channels, channels, kernel, kernel)
        self.bias = normal(1, out_channels)
        self.groups, self.stride = groups, (stride, stride)
        (taps, _) = block_taps((kernel, kernel), self.stride)
        self.x = normal(2, images, 9 + taps - 1, 9 + taps - 1, channels * groups * stride**2)
        self.cuts = tile_cuts(9, taps), tile_cuts(9, taps)
        self.file = RowFile(self.weight)
        self.layer = self.layer_of(self.file.tensor())

    def layer_of(self, tensor):
        spec = Conv(
            "conv", len(self.weight), self.weight.shape[2:], self.stride, groups=self.groups
        )
        return ConvLayer(spec, tensor, ArrayTensor(self.bias), active_kernels())

    def tiling(self):
        y = np.full((len(self.x), 9, 9, len(self.weight)), np.nan, np.float32)
        return Tiling(self.x, y, *self.cuts)

    def run(self, layer=None, *, relu=False, threads=2):
        tiling = self.tiling()
        (layer or self.layer).bind_winograd(tiling, relu=relu).run(threads)
        return tiling.y

    def expected(self, *, relu=False):
        tiling = self.tiling()
        packed = pack_winograd(
            self.weight, self.bias, stride=self.stride, groups=self.groups, kernels=active_kernels()
        )
        _winograd.WinogradConv2d(packed, *tiling, relu).run(1)
        return tiling.y


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("images", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_bits_streamed_and_packed(shape, images, threads, relu):
    case = Case(shape, images)
    expected, filters = case.expected(relu=relu), len(case.weight)
    for read, packed in ((filters, False), (2 * filters, True), (2 * filters, True)):
        assert_same_bits(case.run(relu=relu, threads=threads), expected)
        assert case.file.rows_read == read
        assert (case.layer.nbytes > 0) == packed


@pytest.mark.parametrize("copy_columns", [False, True])
def test_directly(copy_columns):
    case = Case(NARROW)
    y, expected = case.tiling().y, case.tiling().y
    for _ in range(2):
        case.layer.bind(case.x, y, copy_columns=copy_columns, relu=True).run(2)
        assert case.file.rows_read == 64
    packed = pack_array(case.weight, case.bias, 2, active_kernels())
    _conv.DirectConv2d(packed, case.x, expected, 1, 1, True, copy_columns).run(1)
    assert_same_bits(y, expected)
    assert case.layer.nbytes == packed.nbytes


def test_weights_packed_for_another_algorithm_are_transformed():
    case = Case(NARROW)
    packed = case.layer.pack(2)
    assert_same_bits(case.run(), case.expected())
    assert case.file.rows_read == 64
    assert case.layer.nbytes > packed.nbytes


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(value):
    case = Case(SHAPES[2])
    case.weight[40, 7, 1, 2] = value
    expected = case.expected()
    assert not np.isfinite(expected[..., 40]).any()
    np.testing.assert_array_equal(case.run(), expected)
    assert case.layer.nbytes == 0


@pytest.mark.parametrize("calls", [1, 2])
def test_filters_that_are_not_finite_are_refused_where_the_tensor_says_so(calls):
    case, checked = Case(SHAPES[2]), []

    def check_rows(first, rows):
        checked.append((first, len(rows)))
        raise WeightsError("NaN in there")

    layer = case.layer_of(case.file.tensor(check_rows))
    for _ in range(calls - 1):
        case.run(layer)
    assert not checked
    case.weight[40, 7, 1, 2] = np.nan
    with pytest.raises(WeightsError, match="NaN in there"):
        case.run(layer)
    ((first, count),) = checked
    assert first <= 40 < first + count


def test_many_tiles_are_worth_packing_for():
    case = Case(NARROW, MOST_TILES // 9 + 1)
    assert not can_stream(case.tiling())
    assert_same_bits(case.run(), case.expected())
    assert case.layer.nbytes > 0
    assert case.file.rows_read == 64


def test_what_is_read_as_a_whole_is_read_twice():
    """The largest convolution has 3.5 MB, the weights transformed from it 19."""
    case = Case(NARROW)
    layer = case.layer_of(ArrayTensor(case.weight))
    for packed in (False, True, True):
        assert_same_bits(case.run(layer), case.expected())
        assert (layer.nbytes > 0) == packed


@pytest.mark.parametrize("calls", [0, 1, 2])
@pytest.mark.parametrize("shape", SHAPES[:2])
def test_tensors_are_as_they_came(shape, calls):
    case = Case(shape)
    for _ in range(calls):
        case.run()
    for kind, expected in (("weight", case.weight), ("bias", case.bias)):
        fresh = case.layer.tensor(kind)
        assert_same_bits(fresh, expected)
        assert not np.shares_memory(fresh, expected)
        assert fresh.flags.writeable


@pytest.mark.parametrize("calls", [0, 1])
def test_an_error_leaves_the_layer_usable(calls):
    case = Case(NARROW)
    for _ in range(calls):
        case.run()
    case.file.broken = True
    with pytest.raises(WeightsError, match="the file has gone"):
        case.run()
    with pytest.raises(WeightsError, match="the file has gone"):
        case.layer.pack(threads=2)
    case.file.broken = False
    assert_same_bits(case.run(), case.expected())


def test_threads_that_call_a_new_layer_at_once():
    """One of them streams the weights, the others wait for the packing."""
    case = Case(SHAPES[2])
    expected, start, results = case.expected(), Barrier(8), []

    def call():
        start.wait()
        results.append(case.run(threads=1))

    threads = [Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    for y in results:
        assert_same_bits(y, expected)
    assert case.file.rows_read == 2 * len(case.weight)
