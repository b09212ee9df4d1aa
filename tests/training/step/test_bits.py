"""The same weights, bit for bit, whatever the threads, the blocks, the parts and interruptions."""

import hashlib
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.networks import images, random_weights

from alexnet_cy.training.step.network import TrainingNetwork
from alexnet_cy.training.step.rate import Rate

STEPS, BATCH = 20, 12
LABELS = np.arange(BATCH) % 11
INDICES = np.arange(BATCH) * 1000 + 5


@pytest.fixture(scope="module")
def caffe(thin_variant):
    # 23, 11 and 5 pixels wide are the layers of these images: tiles of all sizes
    variant = replace(thin_variant("caffe"), input_size=99)
    weights = random_weights(variant)
    weights["fc8.weight"] = weights["fc8.weight"] * np.float32(0.02)
    return variant, weights, images(variant, BATCH)


def make(caffe, **settings):
    variant, weights, _ = caffe
    return TrainingNetwork(variant, weights, dropout={"fc7": 0.5, "fc8": 0.25}, seed=3, **settings)


def rates(net, formula="caffe", rate=1e-3):
    return {
        name: Rate(rate, 0.0 if name.endswith("bias") else 5e-4, 0.9, formula)
        for name in net.parameters
    }


def digest(net):
    """Hash all weights and velocities."""
    found = hashlib.sha256()
    for arrays in (net.weights(), net.velocities()):
        for name, array in arrays.items():
            found.update(name.encode())
            found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def train(net, x, steps=range(STEPS)):
    for step in steps:
        net.step(x, LABELS, rates(net), epoch=step, indices=INDICES)


@pytest.fixture(scope="module")
def expected(caffe):
    net = make(caffe, threads=2)
    train(net, caffe[2])
    moved = net.weights()
    assert all(np.isfinite(array).all() for array in moved.values())
    assert any((array != caffe[1][name]).any() for name, array in moved.items())
    return digest(net)


@pytest.mark.parametrize(
    "settings",
    [
        {"threads": 1},
        {"threads": 3},
        {"batch_block": 5, "trunk_block": 128},
        pytest.param({"threads": 7, "trunk_block": 3}, marks=pytest.mark.slow),
        pytest.param({"trunk_block": 1}, marks=pytest.mark.slow),
        pytest.param({"trunk_block": 5}, marks=pytest.mark.slow),
        pytest.param({"batch_block": 1, "threads": 1}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_threads_and_blocks(caffe, expected, settings):
    net = make(caffe, **settings)
    train(net, caffe[2])
    assert digest(net) == expected


def test_accumulated_parts(caffe, expected):
    net = make(caffe)
    cuts = [0, 1, 6, BATCH]
    for step in range(STEPS):
        for start, stop in pairwise(cuts):
            net.accumulate(
                caffe[2][start:stop],
                LABELS[start:stop],
                divisor=BATCH,
                epoch=step,
                indices=INDICES[start:stop],
            )
        net.update(rates(net))
    assert digest(net) == expected


def test_resumed(caffe, expected):
    first = make(caffe)
    train(first, caffe[2], range(7))
    variant, _, x = caffe
    second = TrainingNetwork(
        variant, first.weights(), dropout={"fc7": 0.5, "fc8": 0.25}, seed=3, threads=1
    )
    second.set_velocities(first.velocities())
    train(second, x, range(7, STEPS))
    assert digest(second) == expected


@pytest.mark.slow
def test_gradients_may_be_looked_at_between(caffe, expected):
    net = make(caffe)
    for step in range(STEPS):
        net.accumulate(caffe[2][:4], LABELS[:4], divisor=BATCH, epoch=step, indices=INDICES[:4])
        net.gradients()
        net.predict(caffe[2][:3])
        net.accumulate(caffe[2][4:], LABELS[4:], divisor=BATCH, epoch=step, indices=INDICES[4:])
        net.gradient_arrays()
        net.update(rates(net))
    assert digest(net) == expected


@pytest.mark.slow
def test_another_seed_or_other_indices_drop_others(caffe, expected):
    net = make(caffe)
    for step in range(STEPS):
        net.step(caffe[2], LABELS, rates(net), epoch=step)
    assert digest(net) != expected


def test_a_rate_of_zero_leaves_all_bits(caffe):
    net = make(caffe)
    for formula in ("caffe", "pytorch"):
        net.step(caffe[2], LABELS, rates(net, formula, rate=0.0))
    for name, array in net.weights().items():
        assert_same_bits(array, caffe[1][name])


def test_layers_that_do_not_learn_keep_their_bits(caffe):
    net = make(caffe, trainable=("conv4", "fc7"))
    assert net.parameters == ("conv4.weight", "conv4.bias", "fc7.weight", "fc7.bias")
    whole = make(caffe)
    for one in (net, whole):
        one.accumulate(caffe[2], LABELS)
    gradients = whole.gradients()
    for name, gradient in net.gradients().items():
        assert_same_bits(gradient, gradients[name])
    net.update(rates(net))
    for name, array in net.weights().items():
        assert (array == caffe[1][name]).all() == (name not in net.parameters)


def test_the_head_alone(caffe):
    variant, weights, x = caffe
    whole = make(caffe, trainable=("fc6", "fc8"))
    whole.accumulate(x, LABELS)
    pool5 = whole._passes.head.inputs[:BATCH].copy()
    of_head = {name: array for name, array in weights.items() if name.startswith("fc")}
    head = TrainingNetwork(
        variant,
        of_head,
        trainable=("fc6", "fc8"),
        dropout={"fc7": 0.5, "fc8": 0.25},
        seed=3,
        start="fc6",
    )
    head.accumulate(pool5.reshape(BATCH, -1, 2, 2), LABELS)
    expected = whole.gradients()
    for name, gradient in head.gradients().items():
        assert_same_bits(gradient, expected[name])
