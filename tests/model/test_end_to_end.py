"""Whole passes against the float64 reference, every variant, on every level."""

import numpy as np
import pytest
from support.networks import images, narrow, random_weights

from alexnet_cy import AlexNet
from alexnet_cy.network import VARIANTS, Conv, Linear
from alexnet_cy.oracle import network as reference
from alexnet_cy.oracle.definitions import softmax

pytestmark = pytest.mark.slow

# The contract of docs/numerics.md, of the largest value of a layer
LARGEST_ERROR = 1e-5
LARGEST_ERROR_OF_WINOGRAD = 2e-5


def all_layers(variant):
    return [layer.name for layer in variant.layers]


def assert_near(variant, computed, expected, largest_error, *, of_the_convolution=False):
    """Hold every layer's error against its largest value.

    Or against that of the convolution before it, which is what pooling and normalisation pass on:
    normalisation shrinks large values, and so the largest one, but not the errors of small ones.
    """
    # The logits of random weights are hundreds, where softmax enlarges errors: it stands alone.
    expected = expected | {"prob": softmax(computed["fc8"])}
    for layer in variant.layers:
        exact = expected[layer.name]
        if isinstance(layer, Conv | Linear) or not of_the_convolution:
            largest = np.abs(exact).max()
        assert computed[layer.name].shape == exact.shape
        error = np.abs(computed[layer.name] - exact).max() / largest
        assert error <= largest_error, f"{layer.name}: {error:.2e} of the largest value"


def test_a_network_of_full_width():
    """All is as published but the values of the weights; the variants' heads are the same."""
    net = AlexNet.random("caffe", seed=7)
    x = images(net.variant)
    expected = reference.forward(net.variant, net.weights, x, all_layers(net.variant))
    computed = net.forward(x, all_layers(net.variant))
    assert computed["prob"].shape == (1, 1000)
    assert_near(net.variant, computed, expected, LARGEST_ERROR_OF_WINOGRAD, of_the_convolution=True)


@pytest.fixture(scope="module", params=VARIANTS)
def network(request):
    variant = narrow(request.param)
    weights, x = random_weights(variant), images(variant)
    return variant, weights, x, reference.forward(variant, weights, x, all_layers(variant))


@pytest.mark.usefixtures("isa")
@pytest.mark.parametrize("exact", [True, False])
def test_every_level(network, exact):
    variant, weights, x, expected = network
    computed = AlexNet(variant, weights, exact=exact).forward(x, all_layers(variant))
    largest_error = LARGEST_ERROR if exact else LARGEST_ERROR_OF_WINOGRAD
    assert_near(variant, computed, expected, largest_error, of_the_convolution=not exact)


@pytest.mark.parametrize("size", [(63, 63), (64, 64), (256, 320)])
def test_the_torchvision_variant_at_other_sizes(size):
    """Its adaptive average pooling brings any image from 63 pixels up to 6x6."""
    variant = narrow("torchvision")
    weights = random_weights(variant)
    x = np.resize(images(variant), (1, 3, *size)).astype(np.float32)
    expected = reference.forward(variant, weights, x, all_layers(variant))
    computed = AlexNet(variant, weights).forward(x, all_layers(variant))
    assert computed["avgpool"].shape == (1, 256, 6, 6)
    assert_near(variant, computed, expected, LARGEST_ERROR_OF_WINOGRAD)


@pytest.mark.parametrize("size", [(62, 63), (63, 62)])
def test_one_pixel_less_is_too_small_for_the_torchvision_variant(size):
    variant = narrow("torchvision")
    net = AlexNet(variant, random_weights(variant))
    with pytest.raises(ValueError, match=r"smallest square image is 63x63$"):
        net.forward(np.zeros((1, 3, *size), np.float32))


def test_photographs(shared):
    variant = narrow("caffe")
    weights = random_weights(variant)
    net = AlexNet(variant, weights)
    x = net.preprocess([shared / "images" / name for name in ("cat.jpg", "fish-bike.jpg")])
    assert x.shape == (2, 3, 227, 227)
    expected = reference.forward(variant, weights, x, all_layers(variant))
    exact = AlexNet(variant, weights, exact=True).forward(x, all_layers(variant))
    assert_near(variant, exact, expected, LARGEST_ERROR)
    computed = net.forward(x, all_layers(variant))
    assert_near(variant, computed, expected, LARGEST_ERROR_OF_WINOGRAD, of_the_convolution=True)
