"""The gradients of a training network against the float64 oracle, and against torch.autograd."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from support.gradients.decisions import decisions
from support.gradients.torch_network import torch_gradients, torch_logits
from support.networks import images, random_weights

from alexnet_cy.network import VARIANTS, get_variant
from alexnet_cy.oracle.backward import loss_and_gradients
from alexnet_cy.training.step.network import TrainingNetwork
from alexnet_cy.training.step.rate import Rate

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
    weights["fc8.weight"] = weights["fc8.weight"] * np.float32(0.02)
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


@pytest.mark.parametrize(("name", "exact"), [("caffe", False), ("torchvision", True)])
def test_against_the_oracle(thin_variant, name, exact):
    compare_with_the_oracle(thin_variant(name), exact)


@pytest.mark.slow
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_against_the_oracle(thin_variant, name, exact):
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
    weights["fc8.weight"] = weights["fc8.weight"] * np.float32(0.02)
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


@pytest.mark.parametrize("formula", ["pytorch", "caffe"])
def test_ten_steps_are_those_of_torch(thin_variant, formula):
    torch = pytest.importorskip("torch")
    variant = thin_variant("torchvision")
    weights = random_weights(variant)
    weights["fc8.weight"] = weights["fc8.weight"] * np.float32(0.02)
    x, labels = images(variant, 4)[:, :, :96, :96].copy(), np.array([3, 7, 0, 3])
    net = TrainingNetwork(variant, weights)
    rates = dict.fromkeys(net.parameters, Rate(0.002, 5e-4, 0.9, formula))
    leaves = {
        name: torch.tensor(array, dtype=torch.float64, requires_grad=True)
        for name, array in weights.items()
    }
    sgd = torch.optim.SGD(leaves.values(), 0.002, momentum=0.9, weight_decay=5e-4)
    truth, inputs = torch.tensor(labels), torch.tensor(x, dtype=torch.float64)
    for _ in range(10):
        loss = torch.nn.functional.cross_entropy(
            torch_logits(torch, variant, leaves, inputs), truth
        )
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        assert net.step(x, labels, rates).loss == pytest.approx(loss.item(), rel=1e-3)
    for name, array in net.weights().items():
        expected = leaves[name].detach().numpy()
        moved = np.abs(expected - weights[name]).max()
        assert np.abs(array - expected).max() <= 0.02 * moved, name
