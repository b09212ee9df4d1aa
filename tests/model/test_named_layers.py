"""Networks made by hand whose layers have names of their own, and whose classes are an average."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.networks import random_weights
from support.samples import normal

from alexnet_cy import AlexNet
from alexnet_cy.network import AdaptiveAvgPool, Conv, Linear, MaxPool, Softmax, Variant
from alexnet_cy.oracle.network import forward
from alexnet_cy.weights import open_network, safetensors
from alexnet_cy.weights.writing import WRITERS

if TYPE_CHECKING:
    from pathlib import Path

POOL = MaxPool("p")
TRUNK = (
    Conv("first", 6, (3, 3), stride=(2, 2)),
    MaxPool("pool_a"),
    Conv("second", 5, (3, 3)),
    Conv("third", 5, (3, 3)),
    Conv("fourth", 5, (3, 3)),
    Conv("fifth", 4, (3, 3)),
)


def made(*head: object) -> Variant:
    return Variant(
        name="made",
        title="by hand",
        layers=(*TRUNK, *head),
        input_size=63,
        preset="caffe",
        channel_order="BGR",
        source="tests",
    )


NETWORKS = {
    "out": made(Linear("hidden", 7), Linear("out", 3, relu=False), Softmax("probabilities")),
    "fc": made(AdaptiveAvgPool("mean", (1, 1)), Linear("fc", 3, relu=False), Softmax("prob")),
    # Under its own names the last would be read as fc8, and fc7 as itself.
    "fc7 behind": made(Linear("out", 9), Linear("fc7", 3, relu=False), Softmax("prob")),
    "an average of maps": made(
        Conv("maps", 3, (1, 1), relu=False), AdaptiveAvgPool("mean", (1, 1)), Softmax("prob")
    ),
    "an average of maps above zero": made(
        Conv("maps", 3, (1, 1)), AdaptiveAvgPool("mean", (1, 1)), Softmax("prob")
    ),
}
X = normal(0, 2, 3, 63, 63)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ending", ["safetensors", "npz"])
def test_what_was_saved_is_loaded(tmp_path: Path, name: str, ending: str) -> None:
    net = AlexNet(NETWORKS[name], random_weights(NETWORKS[name]))
    path = tmp_path / f"net.{ending}"
    net.save(path)
    again = AlexNet.load(path)
    assert again.variant == net.variant
    assert again.forward(X).tobytes() == net.forward(X).tobytes()
    assert AlexNet.load(path, variant=net.variant).variant == net.variant


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("ending", ["pth", "caffemodel", "onnx"])
def test_a_variant_names_the_layers_of_files_that_do_not(
    tmp_path: Path, name: str, ending: str
) -> None:
    net = AlexNet(NETWORKS[name], random_weights(NETWORKS[name]))
    path = tmp_path / f"net.{ending}"
    net.save(path)
    if name == "fc7 behind" and ending == "pth":
        pytest.skip("fc7 is taken for what its name says")
    again = AlexNet.load(path, variant=net.variant)
    assert again.variant == net.variant
    assert again.forward(X).tobytes() == net.forward(X).tobytes()


@pytest.mark.parametrize("name", ["an average of maps", "an average of maps above zero"])
def test_an_average_of_maps_has_classes(name: str) -> None:
    variant = NETWORKS[name]
    assert variant.num_classes == 3
    weights = random_weights(variant)
    net = AlexNet(variant, weights)
    exact = forward(variant, weights, X)
    np.testing.assert_allclose(net.forward(X), exact, atol=1e-5)
    best = net.classify(np.zeros((63, 63, 3), np.uint8))
    assert {guess.label for guess in best} == {"class 0", "class 1", "class 2"}
    more = variant.with_num_classes(5)
    assert more.shapes()[-1].output_shape == (5, 1, 1)


def test_maps_that_end_the_network_or_are_pooled_are_no_classes() -> None:
    assert made().num_classes == 0
    assert made(POOL, AdaptiveAvgPool("mean", (1, 1)), Softmax("prob")).num_classes == 0
    assert made(AdaptiveAvgPool("mean", (1, 1))).num_classes == 0
    assert made(AdaptiveAvgPool("mean", (2, 1)), Softmax("prob")).num_classes == 0


FORMATS = {
    ".safetensors": "safetensors",
    ".npz": "npz",
    ".onnx": "onnx",
    ".caffemodel": "caffemodel",
    ".pth": "torch",
}


@pytest.mark.parametrize("ending", sorted({ending for ending, _ in WRITERS}))
def test_save_writes_what_the_ending_says(tmp_path: Path, ending: str) -> None:
    variant = NETWORKS["out"]
    path = tmp_path / f"net{ending.upper()}"
    AlexNet(variant, random_weights(variant)).save(path)
    assert open_network(path, variant).format == FORMATS[ending]


@pytest.mark.parametrize("name", ["net", "net.weights", "net.v2"])
def test_any_other_name_is_one_of_safetensors(tmp_path: Path, name: str) -> None:
    net = AlexNet(NETWORKS["out"], random_weights(NETWORKS["out"]))
    net.save(tmp_path / name)
    assert safetensors.read(tmp_path / name).network == net.variant
