"""Which named network a network is."""

from dataclasses import replace

import pytest

from alexnet_cy.network import VARIANTS, AdaptiveAvgPool, MaxPool
from alexnet_cy.network.recognition import differing_settings, recognise


def changed(network, name, **changes):
    layers = (replace(x, **changes) if x.name == name else x for x in network.layers)
    return replace(network, layers=tuple(layers))


CAFFE = VARIANTS["caffe"]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_network_is_recognised_whatever_it_is_called(name):
    network = VARIANTS[name].with_num_classes(31)
    nameless = replace(network, name="file", title="", preset="torchvision", channel_order="RGB")
    assert recognise(nameless) == network
    assert recognise(replace(nameless, layers=nameless.layers[:-1])) == network  # no softmax


def test_only_what_is_computed_counts():
    padded = changed(CAFFE, "pool1", ceil_mode=False, padding=((0, 1), (0, 1)))
    assert recognise(padded).name == "caffe"
    norm = changed(VARIANTS["paper"], "norm1", alpha=5e-4, divide_alpha_by_size=True)
    assert recognise(norm).name == "paper"
    rounded = changed(CAFFE, "norm1", alpha=9.9999997e-05)
    assert recognise(rounded).name == "caffe"
    one = (*CAFFE.layers[:10], AdaptiveAvgPool("avgpool"), *CAFFE.layers[10:])
    assert recognise(replace(CAFFE, layers=one)).name == "caffe"


def test_floor_is_ceil_at_a_size_that_both_divide():
    floor = replace(
        CAFFE,
        layers=tuple(
            replace(x, ceil_mode=False) if isinstance(x, MaxPool) else x for x in CAFFE.layers
        ),
    )
    assert recognise(floor, any_size=False).name == "caffe"
    assert recognise(floor).name == "caffe-like"


@pytest.mark.parametrize(
    ("network", "title"),
    [
        (changed(CAFFE, "conv3", padding=((2, 2), (2, 2))), "conv3: padding is ((2, 2), (2, 2))"),
        (changed(CAFFE, "norm2", beta=0.5), "norm2: beta is 0.5, not 0.75"),
        (changed(CAFFE, "fc6", relu=False), "fc6: relu is False, not True"),
        (changed(CAFFE, "fc7", out_features=80), "fc7: out_features is 80, not 4096"),
        (replace(CAFFE, in_channels=1), "1 input channels, not 3"),
        (replace(CAFFE, layers=CAFFE.layers[:10]), "after pool5: nothing, not fc6, fc7, fc8"),
        (replace(CAFFE, layers=(*CAFFE.layers[:2], *CAFFE.layers[3:])), "after norm1: nothing"),
        (changed(CAFFE, "pool5", kernel_size=(2, 2)), "pool5: kernel_size is (2, 2), not (3, 3)"),
        (replace(CAFFE, input_size=300), "fc6: takes 20736 values, not 9216"),
    ],
)
def test_what_is_different_is_said(network, title):
    found = recognise(network)
    assert found.name == "caffe-like"
    assert title in found.title
    assert (found.layers, found.preset) == (network.layers, "caffe")


def test_differences_are_those_of_two_networks():
    swapped = differing_settings(CAFFE, VARIANTS["caffenet"])
    assert swapped[0] == "after conv1: norm1, not nothing"
    assert len(swapped) == 4
    assert differing_settings(CAFFE, CAFFE.with_num_classes(3)) == []
