"""Darknet: what the tests of all formats do not say."""

from __future__ import annotations

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.seed_files.darknet import file_bytes

from alexnet_cy import AlexNet
from alexnet_cy.errors import WeightsError
from alexnet_cy.network.variants import VARIANTS
from alexnet_cy.weights import open_network
from alexnet_cy.weights.frameworks import darknet
from alexnet_cy.weights.trained_on import PRESET_KEY


@pytest.fixture
def path(tmp_path):
    return tmp_path / "alexnet.weights"


@pytest.fixture
def small(monkeypatch):
    """Darknet's own network is a tiny one here."""
    network = TINY["ungrouped"]
    monkeypatch.setattr(darknet, "get_variant", lambda name: network)
    return network


def test_the_size_tells_the_number_of_classes(path, small):
    for classes in (1, 2, 3, 20):
        network = small.with_num_classes(classes)
        tensors = random_tensors(network)
        path.write_bytes(file_bytes(tensors))
        found = darknet.read(path).tensors
        assert found["fc8.weight"].read().tobytes() == tensors["fc8.weight"].tobytes()
        assert found["conv1.bias"].read().tobytes() == tensors["conv1.bias"].tobytes()


def test_images_are_from_0_to_1(path):
    network = TINY["ungrouped"]
    path.write_bytes(file_bytes(random_tensors(network)))
    assert open_network(path, network).metadata[PRESET_KEY] == "darknet"
    image = np.full((300, 400, 3), 255, np.uint8)
    values = AlexNet.load(path, variant=network).preprocess(image)
    np.testing.assert_allclose(values, 1, rtol=1e-6)


@pytest.mark.parametrize("change", [lambda data: data[:-4], lambda data: data + bytes(4)])
def test_another_size_is_refused(path, small, change):
    path.write_bytes(change(file_bytes(random_tensors(small))))
    with pytest.raises(WeightsError, match="the network 'ungrouped' needs"):
        darknet.read(path)


def test_only_a_header(path):
    path.write_bytes(file_bytes({}))
    with pytest.raises(WeightsError, match="the network 'darknet' needs 249513396"):
        open_network(path)


@pytest.mark.slow
def test_the_full_size_is_told(path):
    path.write_bytes(file_bytes({}))
    named = VARIANTS["darknet"]
    with path.open("r+b") as file:
        file.truncate(20 + 4 * named.parameter_count)
    opened = open_network(path)
    assert opened.variant == named
    assert opened.tensors["fc6.weight"].reads_rows
