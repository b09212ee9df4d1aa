"""Each piece of memory that a pass asks for is refused once: an error, and nothing wrong later."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from support.networks import images, narrow, random_weights
from support.operations import OPERATIONS
from support.row_file import RowFile

from alexnet_cy import AlexNet
from alexnet_cy.kernels._runtime import refuse_after

MOST = 200


@pytest.fixture(autouse=True)
def grant_again() -> Iterator[None]:
    yield
    refuse_after(-1)


def refuse_each(do: Callable[[], object], again: Callable[[], object]) -> int:
    """Refuse the first piece, the second, ..., until `do` asks for no more; count them."""
    for count in range(MOST):
        refuse_after(count)
        try:
            do()
        except MemoryError as error:
            assert "cannot allocate" in str(error)  # noqa: PT017
        else:
            return count
        finally:
            refuse_after(-1)
        again()
    raise AssertionError(f"more than {MOST} pieces")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["caffe", "torchvision"])
def test_two_passes(name):
    variant = narrow(name)
    weights = random_weights(variant)
    x = images(variant)
    expected = AlexNet(variant, weights).forward(x).tobytes()
    refs = {key: RowFile(array).tensor() for key, array in weights.items()}
    nets = []

    def twice():
        nets.append(AlexNet(variant, refs))
        for _ in range(2):
            assert nets[-1].forward(x).tobytes() == expected

    def same_net():
        assert nets[-1].forward(x).tobytes() == expected

    assert refuse_each(twice, same_net) > 10


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name):
    operation = OPERATIONS[name]
    x, parameters = operation.images(3), operation.parameters()
    expected = operation.compute(x, *parameters, threads=2)

    def compute():
        np.testing.assert_array_equal(operation.compute(x, *parameters, threads=2), expected)

    count = refuse_each(compute, compute)
    assert count > 0 or name in ("softmax", "relu")
