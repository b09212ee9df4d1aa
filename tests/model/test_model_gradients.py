"""`AlexNet.gradients`: the same as the training network's, by name or by image."""

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.networks import images, narrow, random_weights

from alexnet_cy import AlexNet
from alexnet_cy.training.step.network import TrainingNetwork


@pytest.fixture(scope="module")
def network():
    variant = narrow("torchvision")
    weights = random_weights(variant)
    x = images(variant, 2)[:, :, :80, :80].copy()
    return AlexNet(variant, weights), variant, weights, x, [3, 9]


def test_all_weights(network):
    net, variant, weights, x, labels = network
    loss, gradients = net.gradients(x, labels)
    expected = TrainingNetwork(variant, weights)
    assert loss == expected.accumulate(x, labels).loss
    assert list(gradients) == list(weights)
    for name, gradient in expected.gradients().items():
        assert_same_bits(gradients[name], gradient)


def test_by_the_image_and_a_layer(network):
    net, _, _, x, labels = network
    _, gradients = net.gradients(x, labels, wrt=["fc8", "input"])
    assert list(gradients) == ["fc8.weight", "fc8.bias", "input"]
    assert gradients["input"].shape == x.shape
    # a small step along the gradient lowers the loss by about its square
    step = np.float32(1e-3) / np.abs(gradients["input"]).max()
    moved, _ = net.gradients(x - step * gradients["input"], labels, wrt="input")
    loss, _ = net.gradients(x, labels, wrt="input")
    expected = step * float((gradients["input"].astype(np.float64) ** 2).sum())
    assert loss - moved == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("wrt", ["conv9", (), "norm1"])
def test_names_that_do_not_fit(network, wrt):
    net, _, _, x, labels = network
    with pytest.raises(ValueError, match="wrt: need"):
        net.gradients(x, labels, wrt=wrt)
