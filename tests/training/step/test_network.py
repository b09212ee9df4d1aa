"""A training network: what it takes, what it refuses, and that it learns."""

from dataclasses import replace

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.networks import images, narrow, random_weights

from alexnet_cy import AlexNet
from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.network import VARIANTS, Conv, Linear, MaxPool, Softmax, Variant
from alexnet_cy.oracle.backward import loss_and_gradients
from alexnet_cy.training.step.network import TrainingNetwork
from alexnet_cy.training.step.rate import Rate


@pytest.fixture(scope="module")
def small(thin_variant):
    variant = replace(thin_variant("caffe"), input_size=67)
    weights = random_weights(variant)
    weights["fc8.weight"] = weights["fc8.weight"] * np.float32(0.02)
    return variant, weights, images(variant, 3), np.array([1, 0, 10])


def uniform_rates(net, rate=1e-3, **settings):
    return {name: Rate(rate, **settings) for name in net.parameters}


@pytest.mark.parametrize("formula", ["caffe", "pytorch"])
def test_updates_are_those_of_the_formula(small, formula):
    variant, weights, x, labels = small
    net = TrainingNetwork(variant, weights)
    rate = Rate(0.01, 0.1, 0.9, formula)
    expected = {name: array.astype(np.float64) for name, array in weights.items()}
    velocities = {name: np.zeros_like(array) for name, array in expected.items()}
    for _ in range(3):
        net.accumulate(x, labels)
        gradients = net.gradients()
        net.update(dict.fromkeys(net.parameters, rate))
        for name, weight in expected.items():
            change = gradients[name] + rate.decay * weight
            scale = rate.rate if formula == "caffe" else 1.0
            velocities[name] = rate.momentum * velocities[name] + scale * change
            weight -= velocities[name] * (1.0 if formula == "caffe" else rate.rate)
    for found, wanted in ((net.weights(), expected), (net.velocities(), velocities)):
        for name, array in found.items():
            largest = np.abs(wanted[name]).max()
            np.testing.assert_allclose(array, wanted[name], rtol=0, atol=1e-6 * largest)


def test_class_weights_and_divisor(small):
    variant, weights, x, labels = small
    class_weights = np.linspace(0.5, 2, 11).astype(np.float32)
    share = class_weights[labels] / class_weights[labels].sum()
    loss, expected = loss_and_gradients(variant, weights, x, labels, sample_weights=share)
    net = TrainingNetwork(variant, weights)
    result = net.accumulate(x, labels, class_weights=class_weights)
    assert result.loss == pytest.approx(loss, rel=1e-5)
    found = net.gradients()["fc8.bias"]
    np.testing.assert_allclose(found, expected["fc8.bias"], atol=1e-6)
    net.clear()
    halved = net.accumulate(x, labels, class_weights=class_weights, divisor=2 * share.size)
    assert halved.loss == pytest.approx((result.losses * 1).sum() / (2 * share.size))


def test_what_a_step_says(small):
    variant, weights, x, labels = small
    net = TrainingNetwork(variant, weights)
    logits = net.predict(x)
    result = net.step(x, labels, uniform_rates(net))
    assert_same_bits(result.logits, logits)
    assert result.loss == pytest.approx(result.losses.mean())
    assert result.correct.tolist() == (logits.argmax(axis=1) == labels).tolist()


def test_predictions_are_those_of_the_network(small):
    variant, weights, x, _ = small
    logits = TrainingNetwork(variant, weights).predict(x)
    np.testing.assert_allclose(
        logits, AlexNet(variant, weights).forward(x, ["fc8"])["fc8"], rtol=1e-4, atol=1e-5
    )
    assert TrainingNetwork(variant, weights).predict(x[:0]).shape == (0, 11)


def test_weights_come_back_as_they_went_in(small):
    variant, weights, _, _ = small
    for exact in (False, True):
        found = TrainingNetwork(variant, weights, exact=exact).weights()
        assert list(found) == list(weights)
        for name, array in found.items():
            assert_same_bits(array, weights[name])


def test_velocities_come_back_as_they_went_in(small):
    variant, weights, _, _ = small
    net = TrainingNetwork(variant, weights, trainable=("conv1", "conv2", "fc8"))
    given = {name: array for name, array in weights.items() if name in net.parameters}
    net.set_velocities(given)
    for name, array in net.velocities().items():
        assert_same_bits(array, given[name])


def test_replaced_weights_count(small):
    variant, weights, x, labels = small
    net = TrainingNetwork(variant, weights)
    expected = net.predict(x)
    for _ in range(2):
        net.step(x, labels, uniform_rates(net, momentum=0.9))
    assert not np.array_equal(net.predict(x), expected)
    net.set_weights(weights)
    assert_same_bits(net.predict(x), expected)


def test_pixels_are_images(small):
    variant, weights, _, labels = small
    rng = np.random.default_rng(0)
    table = rng.normal(0, 50, (3, 256)).astype(np.float32)
    pixels = PixelBatch(rng.integers(0, 256, (3, 67, 67, 3), np.uint8), (2, 1, 0), table)
    gradients = []
    for x in (pixels, pixels.as_floats()):
        net = TrainingNetwork(variant, weights, trunk_block=2)
        net.accumulate(x, labels)
        gradients.append(net.gradients())
    for name, gradient in gradients[0].items():
        assert_same_bits(gradient, gradients[1][name])


@pytest.mark.parametrize("variant_name", ["torchvision", "plain"])
def test_batches_and_sizes_may_change(thin_variant, variant_name):
    variant = thin_variant(variant_name)
    net = TrainingNetwork(variant, random_weights(variant))
    sizes = [63, 96] if variant_name == "torchvision" else [227]
    for size in sizes:
        for count in (1, 3, 2):
            x = np.random.default_rng(count).normal(0, 1, (count, 3, size, size))
            labels = np.arange(count)
            net.accumulate(x.astype(np.float32), labels)
            found = net.gradients()
            net.clear()
            alone = TrainingNetwork(variant, net.weights())
            alone.accumulate(x.astype(np.float32), labels)
            for name, gradient in alone.gradients().items():
                assert_same_bits(found[name], gradient)


def other_network():
    """A trunk that ends without pooling, strides and groups that no AlexNet has, and one head."""
    return Variant(
        name="other",
        title="",
        layers=(
            Conv("conv1", 8, (5, 5), stride=(2, 2), padding=((1, 1), (1, 1)), groups=1),
            MaxPool("pool1"),
            Conv("conv2", 8, (3, 3), stride=(2, 1), padding=((1, 1), (0, 1)), groups=2),
            Conv("conv3", 12, (7, 3), padding=((3, 3), (1, 1)), relu=False),
            Conv("conv4", 12, (1, 1)),
            Linear("fc8", 5, relu=False),
            Softmax("prob"),
        ),
        input_size=41,
        preset="caffe",
        channel_order="BGR",
        source="",
        parameters=0,
    )


@pytest.mark.parametrize("exact", [False, True])
def test_other_networks_learn_too(exact):
    variant = other_network()
    weights = random_weights(variant)
    x = np.random.default_rng(0).standard_normal((3, 3, 41, 41)).astype(np.float32)
    labels = np.array([4, 0, 1])
    net = TrainingNetwork(variant, weights, exact=exact, input_gradient=True)
    net.accumulate(x, labels)
    found = net.gradients() | {"input": net.input_gradient()}
    _, expected = loss_and_gradients(variant, weights, x, labels)
    for name, gradient in found.items():
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(gradient, expected[name], atol=1e-4 * scale, err_msg=name)


def test_a_loss_that_is_not_finite_changes_nothing(small):
    variant, weights, x, labels = small
    broken = x.copy()
    broken[1] = np.nan
    for settings in ({}, {"batch_block": 2}):
        net = TrainingNetwork(variant, weights, **settings)
        result = net.step(broken, labels, uniform_rates(net, momentum=0.9))
        assert np.isnan(result.loss)
        for name, array in net.weights().items():
            assert_same_bits(array, weights[name])
        assert np.isfinite(net.step(x, labels, uniform_rates(net)).loss)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trainable": ("fc9",)}, "trainable: need names of conv1"),
        ({"trainable": ()}, "trainable: need at least one layer"),
        ({"dropout": {"conv1": 0.5}}, "dropout: need names of fc6"),
        ({"dropout": {"fc6": 1.0}}, "dropout: fc6: need a number from 0 to below 1"),
        ({"start": "conv2"}, "start: need a fully connected layer"),
        ({"batch_block": 0}, "batch_block: need a whole number from 1 up"),
    ],
)
def test_settings_that_do_not_fit(small, settings, message):
    variant, weights, _, _ = small
    with pytest.raises(ValueError, match=message):
        TrainingNetwork(variant, weights, **settings)


def test_a_trunk_has_nothing_to_learn(thin_variant):
    variant = thin_variant("caffe")
    trunk = replace(variant, layers=variant.layers[:-4])
    with pytest.raises(ValueError, match="ends with pool5: to learn it needs a fully connected"):
        TrainingNetwork(trunk, {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.array([1, 0])}, "labels: need one for each of 3 images"),
        ({"labels": np.array([1, 0, 11])}, "labels: need classes from 0 to 10, got 11 at 2"),
        ({"labels": np.array([1.0, 0, 3])}, "labels: need whole numbers"),
        ({"indices": np.array([1, -2, 3])}, "indices: need whole numbers from 0 up"),
        ({"class_weights": np.ones(3)}, r"class_weights: need shape \(11,\)"),
        ({"class_weights": -np.ones(11)}, "class_weights: need finite numbers"),
        ({"epoch": -1}, "epoch: need a whole number from 0 up"),
        ({"epoch": 2**32}, r"epoch: need a number below 2\*\*32"),
        ({"divisor": 0.0}, "divisor: need a number above 0"),
        ({"x": np.zeros((3, 1, 67, 67), np.float32)}, r"x: need shape \(N, 3, H, W\)"),
        ({"x": np.zeros((0, 3, 67, 67), np.float32), "labels": np.zeros(0, int)}, "at least one"),
    ],
)
def test_batches_that_do_not_fit(small, change, message):
    variant, weights, x, labels = small
    given = {"x": x, "labels": labels} | change
    with pytest.raises((TypeError, ValueError), match=message):
        TrainingNetwork(variant, weights).accumulate(**given)


def test_rates_that_do_not_fit(small):
    variant, weights, x, labels = small
    net = TrainingNetwork(variant, weights)
    with pytest.raises(ValueError, match="gradients: there are none"):
        net.update(uniform_rates(net))
    with pytest.raises(ValueError, match="missing: none; unknown: fc9"):
        net.step(x, labels, uniform_rates(net) | {"fc9.weight": Rate(1)})
    with pytest.raises(ValueError, match="formula: need one of caffe, pytorch"):
        Rate(1, formula="adam")


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_ten_images_are_learnt_by_heart(name):
    variant = narrow(name, width=256, classes=10)
    weights, size = random_weights(variant), variant.input_size
    for key in weights:
        weights[key] = np.zeros_like(weights[key]) if key.endswith("bias") else weights[key]
    weights["fc8.weight"] = weights["fc8.weight"] * np.float32(0.05)
    # He's weights are for pixels of deviation 1
    x = np.random.default_rng(1).standard_normal((10, 3, size, size), np.float32)
    labels = np.arange(10)
    net = TrainingNetwork(variant, weights, seed=1)
    for step in range(60):
        result = net.step(x, labels, uniform_rates(net, 1e-3, momentum=0.9), epoch=step)
    assert result.correct.all()
    assert (net.predict(x).argmax(axis=1) == labels).all()
