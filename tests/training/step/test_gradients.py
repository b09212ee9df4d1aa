"""The gradients of a training network against the float64 oracle, and against torch.autograd."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from support.decisions import decisions
from support.networks import images, random_weights
from support.torch_network import torch_gradients

from alexnet_cy.network import VARIANTS, get_variant
from alexnet_cy.oracle.backward import loss_and_gradients
from alexnet_cy.training.step.network import TrainingNetwork

# Of each tensor's largest value (docs/training.md).
LARGEST, RMS = 1e-4, 3e-5
LARGEST_EXACT, RMS_EXACT = 3e-5, 1.2e-5


def assert_gradients_close(found, expected, largest, rms):
    for name, gradient in found.items():
        scale = np.abs(expected[name]).max()
        error = (gradient - expected[name]) / scale
        assert np.abs(error).max() <= largest, name
        assert np.sqrt((error**2).mean()) <= rms, name


def compare_with_the_oracle(variant, exact):
    weights, x = random_weights(variant), images(variant, 2)
    # Logits of a network that has learnt something: or one of the images has no gradient.
    weights["fc8.weight"] *= np.float32(0.02)
    labels = np.array([3, 7])
    net = TrainingNetwork(variant, weights, exact=exact, input_gradient=True)
    result = net.accumulate(x, labels)
    found = net.gradients() | {"input": net.input_gradient()}
    loss, expected = loss_and_gradients(variant, weights, x, labels, decided=decisions(net, 2))
    assert result.loss == pytest.approx(loss, rel=1e-4)
    assert set(found) == set(expected)
    if exact:
        assert_gradients_close(found, expected, LARGEST_EXACT, RMS_EXACT)
    else:
        assert_gradients_close(found, expected, LARGEST, RMS)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", VARIANTS)
def test_against_the_oracle(thin_variant, name, exact):
    compare_with_the_oracle(thin_variant(name), exact)


@pytest.mark.slow
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", VARIANTS)
def test_whole_networks_against_the_oracle(name, exact):
    compare_with_the_oracle(get_variant(name), exact)


@pytest.mark.parametrize("name", VARIANTS)
def test_against_torch_autograd(thin_variant, name):
    torch = pytest.importorskip("torch")
    variant = thin_variant(name)
    weights, x = random_weights(variant), images(variant, 2)
    weights["fc8.weight"] *= np.float32(0.02)
    labels = np.array([3, 7])
    net = TrainingNetwork(variant, weights, input_gradient=True)
    net.accumulate(x, labels)
    found = net.gradients() | {"input": net.input_gradient()}
    _, expected = torch_gradients(torch, variant, weights, x, labels)
    for name, gradient in found.items():
        # a ReLU or a pooling that decides otherwise moves a few entries
        scale = np.abs(expected[name]).max()
        assert np.mean(np.abs(gradient - expected[name]) > 1e-4 * scale) < 0.05, name
        assert_allclose(gradient, expected[name], atol=0.05 * scale, err_msg=name)
