"""State dicts that we write: torch and torchvision load them, and every bit comes back."""

from __future__ import annotations

import numpy as np
import pytest
from synthesis.narrow import narrow
from synthesis.networks import TINY, random_tensors
from synthesis.programs.torch_module import as_torch_module

from alexnet_cy.weights import open_network
from alexnet_cy.weights.pytorch.write import write
from alexnet_cy.weights.writing import write_network

ODD = np.array([0.0, -0.0, 1e-45, np.finfo(np.float32).max], np.float32)


@pytest.mark.parametrize("variant", ["torchvision", "caffe"])
def test_every_bit_comes_back(variant, tmp_path):
    network = TINY[variant]
    tensors = random_tensors(network)
    tensors["conv2.bias"][:] = ODD
    path = tmp_path / "network.pth"
    write_network(path, network, tensors)
    opened = open_network(path, network)
    assert opened.format == "torch"
    assert list(opened.tensors) == list(tensors)
    for name, values in tensors.items():
        assert opened.tensors[name].read().tobytes() == values.tobytes(), name
    assert opened.tensors["fc6.weight"].reads_rows


def test_the_same_network_gives_the_same_file(tmp_path):
    tensors = random_tensors(TINY["torchvision"])
    for name in ("a.pth", "b.pth"):
        write(tmp_path / name, TINY["torchvision"], tensors)
    assert (tmp_path / "a.pth").read_bytes() == (tmp_path / "b.pth").read_bytes()


def test_numbers_are_aligned(tmp_path):
    path = tmp_path / "network.pth"
    tensors = random_tensors(TINY["torchvision"])
    write(path, TINY["torchvision"], tensors)
    data = path.read_bytes()
    for values in tensors.values():
        assert any(data.startswith(values.tobytes(), place) for place in range(0, len(data), 64))


@pytest.mark.parametrize("mmap", [False, True])
def test_torch_loads_what_we_write(tmp_path, mmap):
    torch = pytest.importorskip("torch")
    tensors = random_tensors(narrow("torchvision"))
    path = tmp_path / "network.pth"
    write(path, "torchvision", tensors)
    state = torch.load(path, weights_only=True, mmap=mmap)
    module = as_torch_module(torch, random_tensors(narrow("torchvision"), seed=1))
    module.load_state_dict(state)
    for values, parameter in zip(tensors.values(), module.parameters(), strict=True):
        assert parameter.detach().numpy().tobytes() == values.tobytes()


@pytest.mark.slow
def test_torchvision_loads_what_we_write(tmp_path):
    torch = pytest.importorskip("torch")
    try:
        from torchvision import models
    except (ImportError, RuntimeError) as error:  # one that does not belong to this torch
        pytest.skip(f"torchvision: {error}")
    tensors = random_tensors("torchvision")
    path = tmp_path / "network.pth"
    write(path, "torchvision", tensors)
    model = models.alexnet()
    model.load_state_dict(torch.load(path, weights_only=True))
    for values, parameter in zip(tensors.values(), model.parameters(), strict=True):
        assert parameter.detach().numpy().tobytes() == values.tobytes()
