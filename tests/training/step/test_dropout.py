"""Where a network drops inputs, and that it drops those that the counters say."""

import numpy as np
import pytest
from support.networks import images, random_weights

from alexnet_cy.network import get_variant
from alexnet_cy.oracle.backward import loss_and_gradients
from alexnet_cy.training.step.head import default_dropout
from alexnet_cy.training.step.network import TrainingNetwork


def test_default_places():
    assert default_dropout(get_variant("caffe"), 0.5) == {"fc7": 0.5, "fc8": 0.5}
    assert default_dropout(get_variant("torchvision"), 0.4) == {"fc6": 0.4, "fc7": 0.4}


@pytest.mark.parametrize("dropout", [{"fc7": 0.5, "fc8": 0.25}, {"fc6": 0.5, "fc7": 0.3}], ids=str)
def test_gradients_are_those_of_what_is_kept(thin_variant, dropout):
    variant = thin_variant("torchvision")
    weights = random_weights(variant)
    x, labels = images(variant, 3)[:, :, :80, :80].copy(), np.array([1, 5, 0])
    net = TrainingNetwork(variant, weights, dropout=dropout, seed=8)
    result = net.accumulate(x, labels, epoch=4, indices=np.array([7, 3, 9]))
    kept = {}
    for name, layer_input in zip(("fc6", "fc7", "fc8"), net._passes.head._values, strict=False):
        if name in dropout:
            # what a ReLU has made zero may count as dropped
            kept[name] = layer_input != 0, dropout[name]
            assert 0 < kept[name][0].mean() < 1
    loss, expected = loss_and_gradients(variant, weights, x, labels, dropped=kept)
    assert result.loss == pytest.approx(loss, rel=1e-4)
    for name in ("fc8.weight", "fc7.weight", "fc6.weight", "conv5.weight"):
        found, scale = net.gradients()[name], np.abs(expected[name]).max()
        np.testing.assert_allclose(found, expected[name], atol=1e-4 * scale, err_msg=name)
