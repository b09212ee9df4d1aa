"""Training a network that normalises within channels, beside the oracle."""

from dataclasses import replace

import numpy as np
import pytest
from support.gradients.decisions import decisions
from support.gradients.torch_network import torch_gradients
from support.networks import images, random_weights

from alexnet_cy.network import LRN
from alexnet_cy.oracle.backward import loss_and_gradients
from alexnet_cy.training.step.network import TrainingNetwork


@pytest.fixture
def within(thin_variant):
    variant = thin_variant("caffe")
    layers = []
    for layer in variant.layers:
        if isinstance(layer, LRN):
            layer = replace(layer, size=3, alpha=0.3, region="within_channel")
        layers.append(layer)
    return replace(variant, name="within", layers=tuple(layers))


def test_gradients_are_those_of_the_oracle(within):
    weights, x = random_weights(within), images(within, 2)
    weights["fc8.weight"] = weights["fc8.weight"] * np.float32(0.02)
    labels = np.array([3, 7])
    net = TrainingNetwork(within, weights, exact=True, input_gradient=True)
    result = net.accumulate(x, labels)
    found = net.gradients() | {"input": net.input_gradient()}
    loss, expected = loss_and_gradients(within, weights, x, labels, decided=decisions(net, 2))
    assert result.loss == pytest.approx(loss, rel=1e-4)
    assert set(found) == set(expected)
    for name, gradient in found.items():
        scale = np.abs(expected[name]).max()
        assert np.abs(gradient - expected[name]).max() <= 3e-5 * scale, name


def test_gradients_are_those_of_torch(within):
    torch = pytest.importorskip("torch")
    weights, x = random_weights(within), images(within, 1)
    weights["fc8.weight"] = weights["fc8.weight"] * np.float32(0.02)
    loss, found = loss_and_gradients(within, weights, x, np.array([3]))
    expected_loss, expected = torch_gradients(torch, within, weights, x, np.array([3]))
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    for name, gradient in found.items():
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-7, atol=1e-11, err_msg=name)


def test_any_threads_give_the_same_bits(within):
    weights, x = random_weights(within), images(within, 3)
    labels = np.array([3, 7, 1])
    results = []
    for threads in (1, 2, 3):
        net = TrainingNetwork(within, weights, threads=threads, input_gradient=True)
        net.accumulate(x, labels)
        results.append({**net.gradients(), "input": net.input_gradient()})
    for name, gradient in results[0].items():
        assert all(other[name].tobytes() == gradient.tobytes() for other in results[1:]), name
