"""What the metadata say of the network."""

import hashlib

import numpy as np
import pytest

from alexnet_cy import AlexNet

pytestmark = pytest.mark.slow  # whole networks are hashed


def test_the_hash_of_a_file_is_that_of_sha256sum(net, tmp_path):
    path = tmp_path / "net.safetensors"
    small = AlexNet.random("plain", num_classes=3)
    small.save(path)
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    assert AlexNet.load(path).identity()["weights_sha256"] == expected
    assert small.identity()["weights_sha256"] != expected


def test_networks_of_arrays_are_told_apart(net):
    weights = dict(net.weights)
    same = AlexNet(net.variant, weights)
    assert same.identity() == net.identity()
    weights["fc8.bias"] = weights["fc8.bias"] + np.float32(1)
    other = AlexNet(net.variant, weights).identity()
    assert other["weights_sha256"] != net.identity()["weights_sha256"]


def test_how_convolutions_are_computed(net, monkeypatch):
    direct = AlexNet(net.variant, dict(net.weights), algorithm="direct", exact=True).identity()
    assert (direct["algorithm"], direct["exact"], direct["tuned"]) == ("direct", True, {})
    monkeypatch.setenv("ALEXNET_CY_CONV", "im2col")
    assert net.identity()["algorithm"] == "im2col"
