"""The same bits for any number of threads, and for an image in any company."""

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.operations import OPERATIONS
from support.samples import normal

from alexnet_cy import ops
from alexnet_cy.kernels import _runtime

pytestmark = pytest.mark.usefixtures("isa")

THREADS = range(1, 9)


@pytest.mark.parametrize("name", OPERATIONS)
def test_threads(name):
    operation = OPERATIONS[name]
    parameters = operation.parameters()
    for batch in (1, 2, 7):
        x = operation.images(batch)
        alone = operation.compute(x, *parameters, threads=1)
        for threads in THREADS:
            assert_same_bits(operation.compute(x, *parameters, threads=threads), alone)


@pytest.mark.parametrize("name", OPERATIONS)
def test_batches(name):
    operation = OPERATIONS[name]
    x, parameters = operation.images(65), operation.parameters()
    together = operation.compute(x, *parameters)
    for batch in (1, 2, 3, 7):
        for first in (0, 29, 65 - batch):
            part = slice(first, first + batch)
            assert_same_bits(operation.compute(x[part], *parameters), together[part])


@pytest.mark.parametrize("algorithm", ["direct", "im2col"])
def test_threads_that_share_panels_of_a_convolution(algorithm):
    """Few pixels, many channels: then a tile is a part of the out channels, as in conv3."""
    x, weight, bias = normal(0, 1, 128, 14, 14), normal(1, 200, 128, 3, 3), normal(2, 200)
    settings = {"padding": 1, "relu": True, "algorithm": algorithm}
    alone = ops.conv2d(x, weight, bias, threads=1, **settings)
    for threads in THREADS:
        assert_same_bits(ops.conv2d(x, weight, bias, threads=threads, **settings), alone)


def test_threads_that_share_a_long_relu():
    x = normal(0, 300_001)
    for threads in THREADS:
        np.testing.assert_array_equal(ops.relu(x, threads=threads), np.maximum(x, 0))


def fill_scratch_with_nan():
    """Let all memory that is kept between calls hold NaN, and let there be enough of it."""
    memories = [_runtime.take_scratch(16_000_000) for _ in range(5)]
    for memory in memories:
        np.frombuffer(memoryview(memory), np.float32)[:] = np.nan
        _runtime.give_back(memory)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_an_earlier_call_left_behind_does_not_matter(name, threads):
    operation = OPERATIONS[name]
    parameters = operation.parameters()
    for batch in (1, 3, 30):
        x = operation.images(batch)
        expected = operation.compute(x, *parameters, threads=threads)
        fill_scratch_with_nan()
        assert_same_bits(operation.compute(x, *parameters, threads=threads), expected)
