"""Long calls are cut into pieces, between which signal handlers run; the bits stay the same."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.networks import images, narrow, random_weights
from support.operations import OPERATIONS

from alexnet_cy import AlexNet
from alexnet_cy.kernels._pieces import set_longest

PERIOD_S = 5e-4
ENOUGH_CALLS = 30
MOST_IMAGES = 1 << 17


@pytest.fixture
def tiny_pieces() -> Iterator[None]:
    before = set_longest(1.0)
    yield
    assert set_longest(before) == 1.0


@pytest.fixture
def calls() -> Iterator[list[int]]:
    """A list that a signal handler adds to, called two thousand times a second."""
    found: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: found.append(number))
    signal.setitimer(signal.ITIMER_REAL, PERIOD_S, PERIOD_S)
    yield found
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", OPERATIONS)
def test_pieces_do_not_change_the_bits(name, threads, isa):
    operation = OPERATIONS[name]
    x, parameters = operation.images(5), operation.parameters()
    whole = operation.compute(x, *parameters, threads=threads)
    for longest in (1.0, 2000.0, 1e5):
        before = set_longest(longest)
        try:
            assert_same_bits(operation.compute(x, *parameters, threads=threads), whole)
        finally:
            set_longest(before)


@pytest.mark.slow
def test_a_pass_in_pieces(tiny_pieces):
    variant = narrow()
    net, x = AlexNet(variant, random_weights(variant)), images(variant, 3)
    found = net.forward(x, ["pool1", "prob"])
    set_longest(2.0**31)
    expected = AlexNet(variant, random_weights(variant)).forward(x, ["pool1", "prob"])
    set_longest(1.0)
    for name, values in expected.items():
        assert_same_bits(found[name], values)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_signal_handler_runs_again_and_again_during_a_call(name, tiny_pieces, calls):
    """In one call of one operation: without pieces it would run a few times, whatever the size."""
    operation = OPERATIONS[name]
    x, parameters = operation.images(64), operation.parameters()
    while len(x) < MOST_IMAGES:
        calls.clear()
        operation.compute(x, *parameters, threads=1)
        if len(calls) >= ENOUGH_CALLS:
            return
        x = np.concatenate([x, x])
    pytest.fail(f"called {len(calls)} times")


def test_the_error_of_a_handler_ends_the_call(tiny_pieces):
    class Ended(Exception):
        pass

    def end(number, frame):
        raise Ended

    operation = OPERATIONS["direct convolution"]
    x, parameters = operation.images(2000), operation.parameters()
    before = signal.signal(signal.SIGALRM, end)
    try:
        signal.setitimer(signal.ITIMER_REAL, PERIOD_S)
        with pytest.raises(Ended):
            operation.compute(x, *parameters, threads=2)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    few = operation.compute(x[:3], *parameters, threads=2)
    assert_same_bits(few, operation.compute(x[:3], *parameters, threads=1))
