"""Networks that are none of the named ones: trunks, heads, channels, dense passes, files."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from support.networks import narrow, random_weights
from support.samples import normal

from alexnet_cy import AlexNet
from alexnet_cy.errors import WeightsError
from alexnet_cy.network import AdaptiveAvgPool, Conv, Linear, Softmax, Variant
from alexnet_cy.network.description import describe_network, described_network
from alexnet_cy.oracle.network import forward

pytestmark = pytest.mark.slow  # whole networks

CAFFE = narrow("caffe", width=40, classes=11)
TORCHVISION = narrow("torchvision", width=40, classes=11)


def assert_near(computed, exact):
    """Compare with the definition: what Winograd may be off by, a few layers on."""
    assert computed.shape == exact.shape
    assert np.abs(computed - exact).max() <= 1e-4 * np.abs(exact).max()


def headed(base: Variant, *head: object, last: str = "pool5", name: str = "other") -> Variant:
    place = [layer.name for layer in base.layers].index(last) + 1
    return replace(base, name=name, layers=(*base.layers[:place], *head), parameters=None)


DENSE = headed(
    CAFFE,
    Conv("fc6", 40, (6, 6)),
    Conv("fc7", 30, (1, 1)),
    Conv("fc8", 11, (1, 1), relu=False),
    Softmax("prob"),
)
NETWORKS = {
    "trunk": headed(CAFFE),
    "up to conv3": headed(TORCHVISION, last="conv3"),
    "up to norm1": headed(CAFFE, last="norm1"),
    "up to fc7": headed(CAFFE, last="fc7"),
    "one layer": headed(CAFFE, Linear("fc6", 5, relu=False), Softmax("prob")),
    "two layers": headed(CAFFE, Linear("fc6", 9), Linear("fc7", 5, relu=False), Softmax("prob")),
    "four layers": headed(
        TORCHVISION,
        *(Linear(f"fc{n}", 20 - n) for n in (6, 7, 8)),
        Linear("fc9", 5, relu=False),
        Softmax("prob"),
    ),
    "global average": headed(
        TORCHVISION, AdaptiveAvgPool("avgpool", (1, 1)), Linear("fc6", 5, relu=False)
    ),
    "grey": replace(CAFFE, name="grey", in_channels=1),
    "two channels": replace(CAFFE, name="two", in_channels=2),
    "four channels": replace(TORCHVISION, name="four", in_channels=4),
    "convolutions": DENSE,
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_value_is_that_of_the_definition(name):
    variant = NETWORKS[name]
    weights = random_weights(variant)
    size = variant.input_size
    x = normal(5, 3, variant.in_channels, size, size) * np.float32(50)
    net = AlexNet(variant, weights)
    exact = forward(variant, weights, x[:1], net.layers)
    values = net.forward(x, net.layers, threads=2)
    assert list(values) == list(net.layers)
    for layer, value in values.items():
        assert_near(value[:1], exact[layer])
    last = net.forward(x, threads=1)
    assert last.tobytes() == net.forward(x, threads=2).tobytes()
    assert last[1:2].tobytes() == net.forward(x[1:2]).tobytes()


def test_convolutions_at_the_end_run_on_larger_images():
    net = AlexNet(DENSE, random_weights(DENSE))
    x = normal(5, 2, 3, 451, 451) * np.float32(50)
    y = net.forward(x)
    assert y.shape == (2, 11, 8, 8)
    np.testing.assert_allclose(y.sum(axis=1), 1, rtol=1e-5)
    assert_near(y[:1], forward(DENSE, random_weights(DENSE), x[:1]))
    assert net.plan(height=451).steps[-1].output_shape == (11, 8, 8)
    assert "convolutions" not in repr(net)


def test_classes_are_named_where_there_are_any(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
    for name in ("one layer", "grey", "convolutions"):
        net = AlexNet(NETWORKS[name], random_weights(NETWORKS[name]))
        [best] = net.classify(picture, top=1)
        assert best.label.startswith("class ")
        assert net.features(picture, "conv5").shape == (1, 256, 13, 13)
    trunk = AlexNet(NETWORKS["trunk"], random_weights(NETWORKS["trunk"]))
    with pytest.raises(ValueError, match="'other' ends with pool5, which is no probability of cla"):
        trunk.classify(picture)
    with pytest.raises(ValueError, match=r"no layer 'fc7'.*, pool5, and there the network ends"):
        trunk.features(picture, "fc7")
    assert repr(trunk) == "<AlexNet other, up to pool5, weights: arrays>"
    four = AlexNet(NETWORKS["four channels"], random_weights(NETWORKS["four channels"]))
    with pytest.raises(ValueError, match="the network takes 4: pass arrays to forward"):
        four.classify(picture)
    with pytest.raises(ValueError, match=r"x: need shape \(N, 4, H, W\), got \(1, 3, 224, 224\)"):
        four.forward(np.zeros((1, 3, 224, 224), np.float32))


@pytest.mark.parametrize("preset", ["caffe", "torchvision", "caffe-10crop"])
def test_a_grey_network_sees_the_luma(preset):
    net = AlexNet(NETWORKS["grey"], random_weights(NETWORKS["grey"]))
    grey = np.random.default_rng(1).integers(0, 256, (256, 256), np.uint8)
    x = net.preprocess(grey, preset)
    assert x.shape[1:] == (1, 227, 227)
    colour = AlexNet(CAFFE, random_weights(CAFFE)).preprocess(grey, preset)
    weights = np.array([0.299, 0.587, 0.114])
    if "caffe" in preset:
        weights = weights[::-1]
        expected = np.tensordot(colour, weights, ([1], [0]))
        np.testing.assert_allclose(x[:, 0], expected, atol=1e-3)
    np.testing.assert_array_equal(
        net.features(grey, "conv1", preset=preset).reshape(-1, 96, 55, 55),
        net.forward(x, ["conv1"])["conv1"],
    )


def test_a_mean_of_one_channel():
    net = AlexNet(NETWORKS["grey"], random_weights(NETWORKS["grey"]))
    grey = np.full((256, 256), 90, np.uint8)
    assert (net.preprocess(grey, mean=(40,)) == 50).all()
    image = np.full((1, 256, 256), 30, np.float32)
    assert (net.preprocess(grey, mean=image) == 60).all()
    with pytest.raises(ValueError, match="needs 1 number or a mean image of shape"):
        net.preprocess(grey, mean=(1, 2, 3))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ending", ["safetensors", "npz"])
def test_a_saved_network_is_the_same_network(name, ending, tmp_path):
    from alexnet_cy.weights.writing import write_network

    net = AlexNet.random(NETWORKS[name], seed=3)
    path = tmp_path / f"net.{ending}"
    write_network(path, net.variant, dict(net.weights))
    again = AlexNet.load(path)
    assert again.variant == net.variant
    for key, value in net.weights.items():
        assert again.weights[key].tobytes() == value.tobytes()
    with pytest.raises(WeightsError, match=r"describes its network, '.*', and 'paper', which"):
        AlexNet.load(path, variant="paper")
    assert AlexNet.load(path, variant=net.variant).variant == net.variant


def test_a_network_is_pickled_as_it_is():
    net = AlexNet.random(NETWORKS["two layers"])
    again = pickle.loads(pickle.dumps(net))
    assert again.variant == net.variant
    x = np.zeros((1, 3, 227, 227), np.float32)
    assert again.forward(x).tobytes() == net.forward(x).tobytes()


def test_a_file_of_tensors_takes_the_variant_that_is_passed(tmp_path):
    from alexnet_cy.weights.writing import write_network

    odd = replace(
        NETWORKS["two layers"],
        layers=tuple(
            replace(x, stride=(2, 2)) if x.name == "conv1" else x
            for x in NETWORKS["two layers"].layers
        ),
        input_size=125,
    )
    path = tmp_path / "net.npz"
    write_network(path, "caffe", dict(AlexNet.random(odd).weights))
    with pytest.warns(UserWarning, match="is of variant 'caffe', but 'other' was asked for"):
        net = AlexNet.load(path, variant=odd)
    assert net.variant == odd
    assert net.forward(np.zeros((1, 3, 125, 125), np.float32)).shape == (1, 5)


def test_layers_without_biases(tmp_path):
    variant = NETWORKS["two layers"]
    weights = random_weights(variant)
    trunk = {k: v for k, v in weights.items() if not (k.startswith("conv") and k.endswith("bias"))}
    path = tmp_path / "net.npz"
    np.savez(path, **trunk)
    net = AlexNet.load(path, variant=variant)
    assert not net.weights["conv2.bias"].any()
    assert net.weights["fc6.bias"].any()
    del trunk["fc6.bias"]
    np.savez(path, **trunk)
    with pytest.raises(WeightsError, match=r"fc6.bias: expected \(9,\), missing"):
        AlexNet.load(path, variant=variant)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_description_is_read_as_it_was_written(name):
    assert described_network(describe_network(NETWORKS[name])) == NETWORKS[name]


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "null", "{" * 100_000, '{"layers": 3}', '{"layers": [{"kind": "os"}]}'),
        describe_network(CAFFE).replace('"out_channels": 96', '"out_channels": 1e9'),
        describe_network(CAFFE).replace('"out_channels": 96', '"out_channels": 1000000'),
        describe_network(CAFFE).replace('"out_channels": 96', '"out_channels": true'),
        describe_network(CAFFE).replace('"input_size": 227', '"input_size": 20'),
        describe_network(CAFFE).replace('"input_size": 227', '"input_size": 60000'),
        describe_network(CAFFE).replace('"name": "norm1"', '"name": "conv1"'),
        describe_network(CAFFE).replace('"in_channels"', '"channels"'),
        describe_network(CAFFE).replace('"in_channels": 3', '"in_channels": 3000'),
        describe_network(CAFFE).replace('"alpha": 0.0001', '"alpha": "x"'),
        describe_network(CAFFE).replace('"kind": "Conv", "name"', '"kind": "Conv", "n"'),
        describe_network(CAFFE).replace('"relu": true', '"relu": [1]'),
        describe_network(CAFFE).replace('"name": "caffe"', '"name": 3'),
    ],
)
def test_a_description_that_is_not_sound(text):
    with pytest.raises(ValueError, match="the description of the network"):
        described_network(text)


def test_a_trunk_is_tuned_and_profiled(monkeypatch, tmp_path):
    monkeypatch.setenv("ALEXNET_CY_HOME", str(tmp_path))
    net = AlexNet.random(NETWORKS["grey"])
    net.tune()
    assert net.profile(np.zeros((1, 1, 227, 227), np.float32), repeats=1)
