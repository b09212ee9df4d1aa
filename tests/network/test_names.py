"""Names of the values inside a network, ours and torchvision's."""

from dataclasses import replace

import pytest

from alexnet_cy.network import VARIANTS, feature_names, layer_of_feature, resolve_layer
from alexnet_cy.network.names import TORCHVISION_NODES

CAFFE, TORCHVISION = VARIANTS["caffe"], VARIANTS["torchvision"]


def test_feature_names_of_caffe():
    assert " ".join(feature_names(CAFFE)) == (
        "conv1_pre conv1 norm1 pool1 conv2_pre conv2 norm2 pool2 conv3_pre conv3 conv4_pre conv4 "
        "conv5_pre conv5 pool5 fc6_pre fc6 fc7_pre fc7 fc8 prob"
    )


def test_feature_names_of_torchvision():
    names = feature_names(TORCHVISION)
    assert "norm1" not in names
    assert names[names.index("pool5") + 1] == "avgpool"


@pytest.mark.parametrize("variant", VARIANTS.values(), ids=lambda v: v.name)
def test_every_feature_name_resolves_to_itself(variant):
    for name in feature_names(variant):
        assert resolve_layer(variant, name) == name
        assert variant.layer(layer_of_feature(name)).name in (name, name.removesuffix("_pre"))


def test_torchvision_nodes_follow_the_order_of_the_layers():
    names = list(TORCHVISION_NODES.values())
    order = feature_names(TORCHVISION)
    assert names == [name for name in order if name in names]
    assert set(order) - set(names) == {"prob"}


@pytest.mark.parametrize(
    ("node", "name"),
    [
        ("features.0", "conv1_pre"),
        ("features.1", "conv1"),
        ("features.2", "pool1"),
        ("features.3", "conv2_pre"),
        ("features.7", "conv3"),
        ("features.10", "conv5_pre"),
        ("features.11", "conv5"),
        ("features.12", "pool5"),
        ("avgpool", "avgpool"),
        ("classifier.1", "fc6_pre"),
        ("classifier.2", "fc6"),
        ("classifier.4", "fc7_pre"),
        ("classifier.5", "fc7"),
        ("classifier.6", "fc8"),
    ],
)
def test_torchvision_nodes(node, name):
    assert resolve_layer(TORCHVISION, node) == name
    if name != "avgpool":
        assert resolve_layer(CAFFE, node) == name


def test_torchvision_nodes_are_the_modules_of_the_sequentials():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    conv, pool = nn.Conv2d(1, 1, 1), nn.MaxPool2d(3)
    linear, dropout = nn.Linear(1, 1), nn.Dropout()
    relu = nn.ReLU()
    features = [conv, relu, pool, conv, relu, pool, conv, relu, conv, relu, conv, relu, pool]
    classifier = [dropout, linear, relu, dropout, linear, relu, linear]
    expected = {}
    for prefix, modules in (("features", features), ("classifier", classifier)):
        for position, module in enumerate(modules):
            if module is not dropout:
                expected[f"{prefix}.{position}"] = module
    assert set(TORCHVISION_NODES) - {"avgpool"} == set(expected)
    for node, module in expected.items():
        name = TORCHVISION_NODES[node]
        assert name.startswith("pool") == (module is pool)
        assert (name.endswith("_pre") or name == "fc8") == (module in (conv, linear))


def test_the_logits_may_be_called_fc8_pre():
    assert resolve_layer(CAFFE, "fc8_pre") == "fc8"


@pytest.mark.parametrize("name", ["prob_pre", "pool1_pre", "norm1_pre", "_pre", "", "conv6_pre"])
def test_only_convolutions_and_fully_connected_layers_have_a_value_before(name):
    with pytest.raises(ValueError, match=f"variant 'caffe' has no layer '{name}'"):
        resolve_layer(CAFFE, name)


def test_a_near_miss_gets_a_suggestion_and_the_list():
    with pytest.raises(ValueError, match=r"no layer 'conv_5' \(did you mean 'conv5'\?\); its "):
        resolve_layer(CAFFE, "conv_5")
    with pytest.raises(ValueError, match=r"\(did you mean 'features.12'\?\)"):
        resolve_layer(TORCHVISION, "features_12")
    end = "prob, and there the network ends"
    with pytest.raises(ValueError, match=rf"no layer 'zzz'; its layers are conv1_pre, .*, {end}$"):
        resolve_layer(CAFFE, "zzz")


def test_a_layer_that_only_another_variant_has():
    with pytest.raises(ValueError, match="variant 'torchvision' has no layer 'norm1'"):
        resolve_layer(TORCHVISION, "norm1")
    with pytest.raises(ValueError, match="variant 'caffe' has no layer 'avgpool'"):
        resolve_layer(CAFFE, "avgpool")


@pytest.mark.parametrize("name", [None, 5, ["conv1"]])
def test_a_name_is_a_string(name):
    with pytest.raises(TypeError, match="the name of a layer must be a str, got"):
        resolve_layer(CAFFE, name)


def test_no_name_is_suggested_that_the_network_has_not():
    trunk = replace(TORCHVISION, layers=TORCHVISION.layers[:8], name="trunk")
    with pytest.raises(ValueError, match=r"'trunk' has no layer 'classifier\.6'; its layers are"):
        resolve_layer(trunk, "classifier.6")
