"""The whole pass in NumPy: against torch, and how it deals with names, sizes and weights."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from alexnet_cy.network import LRN, VARIANTS, Conv, Linear, MaxPool, feature_names, get_variant
from alexnet_cy.oracle.network import baseline_layer, forward, reference_layer, softmax

pytestmark = pytest.mark.slow


def random_weights(variant, seed=0):
    """He-normal weights and small biases, float32."""
    rng = np.random.default_rng(seed)
    weights = {}
    for key, shape in variant.parameter_shapes().items():
        scale = np.sqrt(2 / np.prod(shape[1:])) if key.endswith("weight") else 0.1
        weights[key] = rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)
    return weights


def random_images(variant, count=1, size=None, seed=1):
    size = variant.input_size if size is None else size
    shape = (count, 3, size, size)
    return np.random.default_rng(seed).normal(0, 50, shape).astype(np.float32)


class OnlyTheFirst(dict):
    """Weights that complain when one behind the last layer wanted is looked at."""

    def __getitem__(self, key):
        assert not key.startswith("fc")
        return super().__getitem__(key)


@pytest.fixture(scope="module", params=list(VARIANTS))
def network(request):
    variant = get_variant(request.param).with_num_classes(11)
    return variant, random_weights(variant)


@pytest.fixture(scope="module")
def caffe():
    variant = get_variant("caffe").with_num_classes(7)
    return variant, random_weights(variant)


def torch_pass(torch, variant, weights, x):
    """Run the layers of a variant with torch's own functions, in float64."""
    functional = torch.nn.functional
    values = torch.from_numpy(x.astype(np.float64))
    for layer in variant.layers:
        parameters = [
            torch.from_numpy(weights[f"{layer.name}.{kind}"].astype(np.float64))
            for kind in ("weight", "bias")
            if isinstance(layer, Conv | Linear)
        ]
        if isinstance(layer, Conv):
            (top, bottom), (left, right) = layer.padding
            padded = functional.pad(values, (left, right, top, bottom))
            values = functional.conv2d(
                padded, *parameters, stride=layer.stride, groups=layer.groups
            ).relu()
        elif isinstance(layer, LRN):
            alpha = layer.alpha * (1 if layer.divide_alpha_by_size else layer.size)
            values = functional.local_response_norm(
                values, layer.size, alpha=alpha, beta=layer.beta, k=layer.k
            )
        elif isinstance(layer, MaxPool):
            values = functional.max_pool2d(
                values, layer.kernel_size, layer.stride, ceil_mode=layer.ceil_mode
            )
        elif isinstance(layer, Linear):
            values = functional.linear(values.flatten(1), *parameters)
            values = values.relu() if layer.relu else values
        elif layer.name == "avgpool":
            values = functional.adaptive_avg_pool2d(values, layer.output_size)
        else:
            values = functional.softmax(values, dim=1)
    return values.numpy()


def test_every_variant_against_torch(network):
    torch = pytest.importorskip("torch")
    variant, weights = network
    x = random_images(variant, count=2)
    y = forward(variant, weights, x)
    assert y.shape == (2, 11)
    assert y.dtype == np.float64
    assert_allclose(y, torch_pass(torch, variant, weights, x), rtol=1e-9, atol=1e-12)


def test_every_variant_against_the_baseline(network):
    variant, weights = network
    x = random_images(variant)
    features = forward(variant, weights, x, [layer.name for layer in variant.layers])
    for step in variant.shapes():
        kinds = step.layer.parameter_shapes(step.input_shape)
        parameters = {kind: weights[f"{step.layer.name}.{kind}"] for kind in kinds}
        x = baseline_layer(step.layer, x, **parameters)
        expected = features[step.layer.name]
        assert x.shape == expected.shape == (1, *step.output_shape)
        assert np.abs(x - expected).max() <= 1e-5 * np.abs(expected).max()


def test_caffe_and_caffenet_differ_with_the_same_weights(caffe):
    variant, weights = caffe
    x = random_images(variant)
    other = forward("caffenet", weights, x, ["pool5"])["pool5"]
    pool5 = forward(variant, weights, x, ["pool5"])["pool5"]
    assert np.abs(other - pool5).max() > 1e-3 * np.abs(pool5).max()


def test_all_features_at_once(caffe):
    variant, weights = caffe
    x = random_images(variant)
    names = feature_names(variant)
    features = forward(variant, weights, x, names)
    assert tuple(features) == names
    for step in variant.shapes():
        assert features[step.layer.name].shape == (1, *step.output_shape)
    for name in names:
        if name.endswith("_pre"):
            before, after = features[name], features[name.removesuffix("_pre")]
            assert before.min() < 0
            assert_array_equal(after, np.maximum(before, 0))
    assert_array_equal(features["prob"], softmax(features["fc8"]))
    assert_array_equal(features["prob"], forward(variant, weights, x))


def test_features_come_under_the_names_asked_for(caffe):
    variant, weights = caffe
    x = random_images(variant)
    features = forward("caffe", weights, x, ["features.11", "conv5", "features.10"])
    assert list(features) == ["features.11", "conv5", "features.10"]
    assert_array_equal(features["features.11"], features["conv5"])
    assert_array_equal(features["conv5"], np.maximum(features["features.10"], 0))
    assert forward(variant, weights, x, []) == {}
    logits = forward(variant, weights, x, ["fc8_pre", "classifier.6"])
    assert_array_equal(logits["fc8_pre"], logits["classifier.6"])


def test_weights_behind_the_last_layer_are_not_looked_at(caffe):
    variant, weights = caffe
    x = random_images(variant)
    pool5 = forward(variant, OnlyTheFirst(weights), x, ["pool5"])["pool5"]
    assert_array_equal(pool5, forward(variant, weights, x, ["pool5", "fc6"])["pool5"])


def test_the_trunk_takes_any_size(caffe):
    variant, weights = caffe
    features = forward(variant, weights, random_images(variant, size=23), ["conv5"])
    assert features["conv5"].shape == (1, 256, 1, 1)


def test_no_images(caffe):
    variant, weights = caffe
    assert forward(variant, weights, np.zeros((0, 3, 227, 227))).shape == (0, 7)


def test_the_dropout_of_2012_can_go_into_the_weights_behind_it():
    """Halved outputs of fc6 and fc7, and halved weights of fc7 and fc8, are the same (docs)."""
    variant = get_variant("paper").with_num_classes(7)
    weights = random_weights(variant)
    fc7, fc8 = variant.layer("fc7"), variant.layer("fc8")
    x = random_images(variant)
    values = forward(variant, weights, x, ["fc6"])["fc6"] * 0.5
    values = reference_layer(fc7, values, weights["fc7.weight"], weights["fc7.bias"]) * 0.5
    scaled = reference_layer(fc8, values, weights["fc8.weight"], weights["fc8.bias"])

    folded = weights | {
        "fc7.weight": weights["fc7.weight"] * np.float32(0.5),
        "fc8.weight": weights["fc8.weight"] * np.float32(0.5),
    }
    assert_array_equal(forward(variant, folded, x, ["fc8"])["fc8"], scaled)


def test_images_do_not_see_one_another(caffe):
    variant, weights = caffe
    x = random_images(variant, count=2)
    both = forward(variant, weights, x, ["pool5"])["pool5"]
    for image in (0, 1):
        alone = forward(variant, weights, x[image : image + 1], ["pool5"])["pool5"]
        assert_allclose(both[image], alone[0], rtol=1e-10, atol=1e-10 * np.abs(alone).max())


def test_the_pass_in_another_type(caffe):
    variant, weights = caffe
    x = random_images(variant)
    single = forward(variant, weights, x, ["fc8", "conv1_pre"], dtype=np.float32)
    double = forward(variant, weights, x, ["fc8", "conv1_pre"])
    for name in single:
        assert single[name].dtype == np.float32
        assert np.abs(single[name] - double[name]).max() <= 1e-5 * np.abs(double[name]).max()


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        (ValueError, {"variant": "alex"}, "variant must be one of caffe, caffenet, torchvision"),
        (TypeError, {"layers": "fc7"}, "layers must be a list of names, got the string 'fc7'"),
        (ValueError, {"layers": ["fc9"]}, "variant 'caffe' has no layer 'fc9' (did you mean"),
        (
            ValueError,
            {"x": np.zeros((1, 1, 227, 227))},
            "x must have shape (N, 3, height, width), got (1, 1, 227, 227)",
        ),
        (
            ValueError,
            {"x": np.zeros((3, 227, 227))},
            "x must have shape (N, 3, height, width), got (3, 227, 227)",
        ),
        (
            ValueError,
            {"x": np.zeros((1, 3, 256, 256))},
            "fc6 of variant 'caffe' needs 9216 inputs (256x6x6), but a 256x256 image gives",
        ),
        (ValueError, {"weights": {}}, "weights has no 'conv1.weight'"),
        (
            ValueError,
            {"weights": {"conv1.weight": np.zeros((64, 3, 11, 11))}},
            "conv1.weight must have shape (96, 3, 11, 11), got (64, 3, 11, 11)",
        ),
    ],
)
def test_errors_name_what_came_and_what_is_needed(caffe, kind, change, message):
    arguments = {"variant": caffe[0], "weights": caffe[1], "x": np.zeros((1, 3, 227, 227))}
    with pytest.raises(kind, match=re.escape(message)):
        forward(**arguments | change)


@pytest.mark.parametrize("layer", [Conv("conv1", 4, (3, 3)), Linear("fc6", 4)])
def test_a_weight_that_is_missing(layer):
    with pytest.raises(ValueError, match=f"{layer.name} needs a weight"):
        reference_layer(layer, np.zeros((1, 2, 5, 5)))
