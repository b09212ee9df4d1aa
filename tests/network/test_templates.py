"""Networks from shapes and a named network's settings."""

import re
from dataclasses import replace

import pytest

from alexnet_cy.network import VARIANTS, AdaptiveAvgPool, Conv, Linear, get_variant
from alexnet_cy.network.templates import fit_template, fitting_templates

CAFFE = VARIANTS["caffe"]
TORCHVISION = VARIANTS["torchvision"]


def shapes_of(name, *, without=(), **changes):
    shapes = get_variant(name).parameter_shapes()
    kept = {key: shape for key, shape in shapes.items() if key.partition(".")[0] not in without}
    return kept | {key.replace("_", "."): shape for key, shape in changes.items()}


def names(shapes):
    return [network.name for network in fitting_templates(shapes)]


def test_the_shapes_of_a_named_network_are_that_network():
    shapes = shapes_of("caffe", fc8_weight=(20, 4096), fc8_bias=(20,))
    assert fit_template(CAFFE, shapes) == CAFFE.with_num_classes(20)
    assert names(shapes) == ["caffe", "caffenet", "paper"]
    assert names(shapes_of("torchvision")) == ["torchvision"]
    assert names(shapes_of("darknet")) == ["ungrouped", "plain", "darknet"]


@pytest.mark.parametrize(
    ("missing", "last"),
    [
        (("fc8",), "fc7"),
        (("fc6", "fc7", "fc8"), "pool5"),
        (("conv4", "conv5", "fc6", "fc7", "fc8"), "conv3"),
    ],
)
def test_the_first_missing_layer_ends_the_network(missing, last):
    network = fit_template(TORCHVISION, shapes_of("torchvision", without=missing))
    assert network.layers[-1].name == last
    assert network.name == "torchvision-like"
    assert network.num_classes == 0
    assert network.layers == TORCHVISION.layers[: len(network.layers)]


def test_heads_of_one_two_and_four_layers():
    head = [(100, 9216), (50, 100), (40, 50), (7, 40)]
    for count in (1, 2, 4):
        shapes = shapes_of("torchvision", without=("fc6", "fc7", "fc8"))
        for i, (out, inside) in enumerate([*head[: count - 1], (7, head[count - 1][1])]):
            shapes |= {f"fc{6 + i}.weight": (out, inside), f"fc{6 + i}.bias": (out,)}
        network = fit_template(TORCHVISION, shapes)
        linears = [layer for layer in network.layers if isinstance(layer, Linear)]
        assert [layer.relu for layer in linears] == [True] * (count - 1) + [False]
        assert (network.num_classes, network.layers[-1].name) == (7, "prob")
        assert names(shapes) == ["torchvision-like"]


def test_a_head_behind_a_global_average():
    shapes = shapes_of("torchvision", without=("fc6", "fc7", "fc8"))
    network = fit_template(TORCHVISION, shapes | {"fc6.weight": (9, 256), "fc6.bias": (9,)})
    assert [layer.name for layer in network.layers[-3:]] == ["avgpool", "fc6", "prob"]
    assert network.layer("avgpool") == AdaptiveAvgPool("avgpool", (1, 1))
    assert network.max_input_size is None


def test_other_channels_widths_and_groups():
    assert fit_template(CAFFE, shapes_of("caffe", conv1_weight=(96, 1, 11, 11))) == replace(
        CAFFE, name="caffe-like", title="like caffe", in_channels=1, parameters=None
    )
    wide = shapes_of("ungrouped", conv4_weight=(384, 96, 3, 3))
    network = fit_template(VARIANTS["ungrouped"], wide)
    assert isinstance(network.layer("conv4"), Conv)
    assert network.layer("conv4").groups == 4
    assert network.parameter_shapes() == wide


def test_fully_connected_layers_as_convolutions():
    shapes = shapes_of(
        "caffe",
        fc6_weight=(4096, 256, 6, 6),
        fc7_weight=(4096, 4096, 1, 1),
        fc8_weight=(1000, 4096, 1, 1),
    )
    network = fit_template(CAFFE, shapes)
    assert network.parameter_shapes() == shapes
    assert network.num_classes == 1000
    assert network.shapes(227)[-1].output_shape == (1000, 1, 1)
    assert network.shapes(451)[-1].output_shape == (1000, 8, 8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conv1_weight": (96, 3, 7, 7)}, "conv1: its kernel is 7x7, that of 'caffe' 11x11"),
        ({"conv1_weight": (96, 3)}, "conv1: its weight has the shape (96, 3); need four axes"),
        ({"conv2_weight": (256, 36, 5, 5)}, "conv2: a filter has 36 channels, of the 96 of the"),
        ({"fc6_weight": (4096, 6400)}, "takes 6400 numbers; an image of 227x227 gives 256x6x6"),
        ({"fc7_weight": (4096, 9)}, "fc7.weight: need shape (4096, 4096), got (4096, 9)"),
        ({"fc6_weight": (4,)}, "fc6: its weight has the shape (4,)"),
        ({"conv3_bias": (3,)}, "conv3.bias: need shape (384,), got (3,)"),
        ({"bn1_weight": (96,)}, "'bn1.weight' is no tensor of a network that ends there"),
        ({"conv1_weight": (96, 300, 11, 11)}, "in_channels: need at most 16, got 300"),
        ({"fc8_weight": (10**9, 4096)}, "fc8: out_features: need at most 100000, got 1000000000"),
    ],
)
def test_what_does_not_fit_is_named(changes, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        fit_template(CAFFE, shapes_of("caffe", **changes))


def test_nothing_is_no_network():
    assert fitting_templates({}) == ()
    assert names(shapes_of("caffe", without=("conv2",))) == []
