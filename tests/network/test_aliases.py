"""Names of other tools: understood where they mean one thing, refused where they mean two."""

import numpy as np
import pytest
from support.networks import images, narrow, random_weights

from alexnet_cy import AlexNet
from alexnet_cy.network import VARIANTS, feature_names, resolve_layer
from alexnet_cy.network.aliases import ALIASES, SCHEMES, TWO_MEANINGS
from alexnet_cy.oracle.network import forward as oracle_forward

CAFFE, TORCHVISION = VARIANTS["caffe"], VARIANTS["torchvision"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("relu1", "conv1"),
        ("relu5", "conv5"),
        ("relu6", "fc6"),
        ("relu7", "fc7"),
        ("conv1_relu", "conv1"),
        ("conv1_maxpool", "pool1"),
        ("conv5_maxpool", "pool5"),
        ("maxpool2", "pool2"),
        ("fc1_relu", "fc6"),
        ("fc3", "fc8"),
        ("drop7", "fc7"),
        ("features", "pool5"),
        ("classifier", "fc8"),
        ("classifier.3", "fc6"),
        ("logits", "fc8"),
        ("softmax", "prob"),
        ("FC7", "fc7"),
        ("Conv5_Pre", "conv5_pre"),
        ("FEATURES.11", "conv5"),
        ("ReLU3", "conv3"),
    ],
)
def test_one_meaning(name, meant):
    assert resolve_layer(TORCHVISION, name) == meant
    assert resolve_layer(CAFFE, name) == meant


def test_every_alias_means_a_value_of_some_network():
    known = set(feature_names(CAFFE)) | set(feature_names(TORCHVISION))
    tables = [ALIASES, *SCHEMES.values()]
    assert {us for table in tables for us in table.values()} - known == set()
    assert {us for meanings in TWO_MEANINGS.values() for us in meanings} - known == set()
    assert not set(ALIASES) & (known | set(TWO_MEANINGS))
    assert not set(TWO_MEANINGS) & known


def test_what_is_flattened_depends_on_the_variant():
    for name in ("flatten", "classifier.0", "Flatten"):
        assert resolve_layer(TORCHVISION, name) == "avgpool"
        assert resolve_layer(CAFFE, name) == "pool5"


@pytest.mark.parametrize(
    ("name", "first", "second"), [("fc1", "fc6", "fc6_pre"), ("FC2", "fc7", "fc7_pre")]
)
def test_two_meanings_are_refused_with_both(name, first, second):
    with pytest.raises(ValueError, match=f"layer '{name}' may mean '{first}'.*or '{second}'"):
        resolve_layer(CAFFE, name)


def test_brainscore():
    regions = {"V1": "pool1", "V2": "conv3", "V4": "conv3", "IT": "pool5", "it": "pool5"}
    for region, meant in regions.items():
        assert resolve_layer(TORCHVISION, region, "brainscore") == meant
    assert resolve_layer(TORCHVISION, "fc7", "brainscore") == "fc7"
    with pytest.raises(ValueError, match=r"no layer 'V1'; brainscore means 'pool1' by it.*--names"):
        resolve_layer(TORCHVISION, "V1")


@pytest.mark.parametrize("names", ["dnnbrain", "matlab"])
def test_schemes_that_count_the_relu(names):
    assert resolve_layer(CAFFE, "conv1", names) == "conv1_pre"
    assert resolve_layer(CAFFE, "relu1", names) == "conv1"
    assert resolve_layer(CAFFE, "conv1") == "conv1"


def test_dnnbrain_counts_from_one():
    assert resolve_layer(CAFFE, "fc1", "dnnbrain") == "fc6_pre"
    assert resolve_layer(CAFFE, "fc1_relu", "dnnbrain") == "fc6"


def test_unknown_scheme():
    with pytest.raises(ValueError, match="need one of brainscore, dnnbrain, matlab, got 'x'"):
        resolve_layer(CAFFE, "conv1", "x")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("conv5-relu", "'conv5_relu', which is 'conv5'"),
        ("conv5relu", "'conv5_relu', which is 'conv5'"),
        ("relu_5", "'relu5', which is 'conv5'"),
        ("fc7relu", "'fc7_relu', which is 'fc7'"),
        ("conv5_pree", "'conv5_pre'"),
        ("fc-7", "'fc7'"),
    ],
)
def test_a_suggestion_points_to_the_value_that_is_meant(name, suggestion):
    with pytest.raises(ValueError, match=rf"\(did you mean {suggestion}\?\)"):
        resolve_layer(CAFFE, name)


def test_values():
    variant = narrow("torchvision")
    weights = random_weights(variant)
    net, x = AlexNet(variant, weights), images(variant, 2)
    names = ["relu5", "CONV1_MAXPOOL", "flatten", "classifier.0", "classifier.3", "avgpool"]
    got = net.forward(x, names)
    assert list(got) == names
    ours = net.forward(x, ["conv5", "pool1", "avgpool", "fc6"])
    np.testing.assert_array_equal(got["relu5"], ours["conv5"])
    np.testing.assert_array_equal(got["CONV1_MAXPOOL"], ours["pool1"])
    np.testing.assert_array_equal(got["avgpool"], ours["avgpool"])
    np.testing.assert_array_equal(got["flatten"], ours["avgpool"].reshape(2, 256 * 6 * 6))
    np.testing.assert_array_equal(got["classifier.0"], got["flatten"])
    np.testing.assert_array_equal(got["classifier.3"], ours["fc6"])
    assert net.forward(x[:0], ["flatten"])["flatten"].shape == (0, 9216)
    oracle = oracle_forward(variant, weights, x, ["flatten"])["flatten"]
    assert oracle.shape == (2, 9216)
    np.testing.assert_allclose(got["flatten"], oracle, rtol=0, atol=1e-4 * np.abs(oracle).max())
