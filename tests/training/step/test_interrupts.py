"""Long steps are cut into pieces, between which signal handlers run; the bits stay the same."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import numpy as np
import pytest
from support.gradients import calls
from support.networks import images, narrow, random_weights
from support.samples import normal

from alexnet_cy.kernels._pieces import set_longest
from alexnet_cy.kernels._runtime import kernels_of
from alexnet_cy.kernels.training._dropout import dropout
from alexnet_cy.kernels.training._loss import cross_entropy
from alexnet_cy.kernels.training._lrn_gradients import (
    NormAndPoolWinners,
    NormGradient,
    NormWithinGradient,
)
from alexnet_cy.machine.levels import active_level
from alexnet_cy.training.step.network import TrainingNetwork
from alexnet_cy.training.step.rate import Rate

PERIOD_S = 5e-4
ENOUGH_CALLS = 20
MOST_IMAGES = 1 << 15


class Ended(Exception):
    """Raised by a signal handler, as KeyboardInterrupt is."""


@pytest.fixture
def longest() -> Iterator[object]:
    before = set_longest(2.0**31)
    yield set_longest
    set_longest(before)


@pytest.fixture
def alarm() -> Iterator[list[int]]:
    """A list that a signal handler adds to, called two thousand times a second."""
    found: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: found.append(number))
    signal.setitimer(signal.ITIMER_REAL, PERIOD_S, PERIOD_S)
    yield found
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def step(variant, *, steps=2, **settings):
    """The weights after some steps."""
    network = TrainingNetwork(
        variant, random_weights(variant), dropout={"fc7": 0.5}, threads=2, **settings
    )
    x, labels = images(variant, 5), np.arange(5) % variant.num_classes
    for _ in range(steps):
        network.step(x, labels, dict.fromkeys(network.parameters, Rate(0.01, 5e-4, 0.9)))
    return network.weights()


@pytest.mark.slow
@pytest.mark.parametrize("pieces", [1.0, 1e6])
@pytest.mark.parametrize(("name", "exact"), [("caffe", False), ("caffe", True), ("plain", False)])
def test_pieces_do_not_change_the_bits(longest, name, exact, pieces):
    variant = narrow(name)
    whole = step(variant, exact=exact)
    longest(pieces)
    for tensor, array in step(variant, exact=exact).items():
        np.testing.assert_array_equal(array, whole[tensor])


def _norm(count, kernels):
    x, dy = (normal(seed, count, 8, 8, 16) for seed in (0, 1))
    NormGradient(kernels, x, dy, np.empty_like(x), 5, 1e-4, 0.75, 2.0, True).run(1)


def _norm_within(count, kernels):
    x, dy = (normal(seed, count, 8, 8, 16) for seed in (0, 1))
    NormWithinGradient(kernels, x, dy, np.empty_like(x), 5, 1e-4, 0.75, 2.0, True).run(1)


def _norm_and_pool(count, kernels):
    x = normal(0, count, 9, 9, 16)
    y, winners = np.empty((count, 4, 4, 16), np.float32), np.empty((count, 4, 4, 16), np.uint8)
    NormAndPoolWinners(kernels, x, y, winners, (5, 1e-4, 0.75, 2.0), (3, 3), (2, 2), (0, 0)).run(1)


def _dropout(count, kernels):
    x = normal(0, count, 512)
    dropout(kernels, x, x, 0.5, 0, 16, 0, np.arange(count), 1)


def _loss(count, kernels):
    z, losses = normal(0, count, 200), np.empty(count)
    cross_entropy(kernels, z, np.zeros(count, np.int64), None, 1.0, z, losses, 1)


def _conv_weights(count, kernels):
    x, e = normal(0, count, 4, 8, 8), normal(1, count, 6, 6, 6)
    calls.conv_weight_gradient(x, (6, 4, 3, 3), e, kernels)


def _linear_weights(count, kernels):
    calls.linear_weight_gradient(normal(0, count, 2000), normal(1, count, 40), kernels)


KERNELS = [_norm, _norm_within, _norm_and_pool, _dropout, _loss, _conv_weights, _linear_weights]


@pytest.mark.slow
@pytest.mark.parametrize("compute", KERNELS)
def test_a_signal_handler_runs_again_and_again_during_a_call(longest, alarm, compute):
    longest(1.0)
    kernels, count = kernels_of(active_level()), 64
    while count < MOST_IMAGES:
        alarm.clear()
        compute(count, kernels)
        if len(alarm) >= ENOUGH_CALLS:
            return
        count *= 2
    pytest.fail(f"called {len(alarm)} times")


@pytest.mark.slow
def test_what_was_ended_leaves_no_gradients_behind(longest):
    """The handler ends the second part of a batch; the next batch gives the bits of a new one."""
    variant = narrow("caffe")
    x, labels = images(variant, 6), np.arange(6)
    network = TrainingNetwork(variant, random_weights(variant), threads=2)
    network.accumulate(x[:3], labels[:3])
    many, many_labels = np.tile(x[3:], (200, 1, 1, 1)), np.tile(labels[3:], 200)
    longest(1.0)

    def end(number, frame):
        raise Ended

    before = signal.signal(signal.SIGALRM, end)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Ended):
            network.accumulate(many, many_labels)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(ValueError, match="there are none"):
        network.gradients()
    network.accumulate(x, labels)
    fresh = TrainingNetwork(variant, random_weights(variant), threads=2)
    fresh.accumulate(x, labels)
    for name, gradient in fresh.gradients().items():
        np.testing.assert_array_equal(network.gradients()[name], gradient)
