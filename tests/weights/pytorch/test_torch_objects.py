"""Checkpoints with objects of other classes, written by torch where it is there."""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from synthesis.hostile.audit import watched
from synthesis.hostile.objects import NAMESPACE, OBJECT, module
from synthesis.narrow import narrow
from synthesis.networks import random_tensors
from synthesis.programs.pickle_code import PROTOCOL, archive, name, tensor, text
from synthesis.programs.torch_module import as_torch_module

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.pytorch.read import read

OURS = random_tensors(narrow("torchvision"))


def test_an_object_beside_the_state_dict_is_left_alone(tmp_path):
    path = tmp_path / "checkpoint.pth"
    numpy_scalar = name("numpy._core.multiarray", "scalar") + b"N" + text("x") + b"\x86R"
    built = OBJECT + b"}" + text("lr") + b"K\x01sb"
    items = {
        "args": built,
        "best": numpy_scalar,
        "class": NAMESPACE,
        "set": b"\x8f(K\x01K\x02\x90",
        "factory": name("collections", "defaultdict") + name("builtins", "list") + b"\x85R",
        "state_dict": b"}" + text("features.0.weight") + tensor() + b"s",
    }
    code = b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u."
    path.write_bytes(archive(b"\x80\x04" + code))
    with watched() as events:
        found = read(path)
    assert list(found.tensors) == ["features.0.weight"]
    assert not {event for event, _ in events} & {"import", "exec", "os.system", "subprocess.Popen"}


def test_a_model_of_inert_modules(tmp_path):
    path = tmp_path / "model.pth"
    layer = (
        name("torch.nn.modules.conv", "Conv2d")
        + b")\x81}"
        + text("_parameters")
        + b"}"
        + text("weight")
        + tensor()
        + b"ssb"
    )
    path.write_bytes(archive(PROTOCOL + module(text("0") + layer) + b"."))
    found = read(path)
    assert list(found.tensors) == ["0.weight"]
    assert found.metadata["model"] == "torch.nn.modules.container.Sequential"


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def check(path: Path, **metadata: str):
    found = read(path)
    assert "torchvision" in (found.variant, found.network and found.network.preset)
    assert found.tensors.keys() == OURS.keys()
    for key, value in OURS.items():
        np.testing.assert_array_equal(found.tensors[key].read(), value)
    assert metadata.items() <= found.metadata.items()


class Settings:
    """A class that only the writer has."""

    def __init__(self):
        self.deep = {"set": {1, 2}, "path": Path("x"), "complex": 1j}


@pytest.mark.parametrize("container", ["zip", "legacy"])
def test_what_training_scripts_save(torch, tmp_path, container):
    network = as_torch_module(torch, OURS)
    optimiser = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9)
    path = tmp_path / "checkpoint.pth"
    saved = {
        "model": network.state_dict(),
        "optimizer": optimiser.state_dict(),
        "args": argparse.Namespace(lr=0.1, device=torch.device("cpu"), dtype=torch.float16),
        "best": np.float64(0.5),
        "history": np.arange(20.0),
        "counts": defaultdict(list, a=[1]),
        "size": torch.Size([1, 2]),
        "settings": Settings(),
        "generator": torch.get_rng_state(),
    }
    is_zip = container == "zip"
    torch.save(saved, path, _use_new_zipfile_serialization=is_zip)
    check(path, container=container)


@pytest.mark.filterwarnings("ignore:Couldn't retrieve source code", "ignore:.*source of class")
@pytest.mark.parametrize("container", ["zip", "legacy"])
@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: {"epoch": 1, "net": net}])
def test_whole_models(torch, tmp_path, monkeypatch, container, wrap):
    network = as_torch_module(torch, OURS)
    # A class that pickle finds while it writes, and that is nowhere while we read.
    kind = type(network)
    kind.__qualname__, kind.__module__ = "AlexNet", "of_the_writer"
    path = tmp_path / "model.pth"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "of_the_writer", SimpleNamespace(AlexNet=kind))
        torch.save(wrap(network), path, _use_new_zipfile_serialization=container == "zip")
    check(path, model="of_the_writer.AlexNet")


def test_parameters_and_subclasses(torch, tmp_path):
    network = as_torch_module(torch, OURS)
    path = tmp_path / "parameters.pth"
    torch.save(OrderedDict(network.named_parameters()), path)
    check(path)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
def test_sparse_and_quantised_tensors_are_named(torch, tmp_path):
    path = tmp_path / "tensor.pth"
    state = as_torch_module(torch, OURS).state_dict()
    weight = state["classifier.1.weight"]
    torch.save({**state, "classifier.1.weight": weight.to_sparse()}, path)
    with pytest.raises(WeightsError, match=r"'classifier.1.weight' is a sparse tensor"):
        read(path)
    quantised = torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8)
    torch.save({**state, "classifier.1.weight": quantised}, path)
    with pytest.raises(WeightsError, match="quantised"):
        read(path)


def test_an_exported_program_is_named(torch, tmp_path):
    path = tmp_path / "program.pt2"
    program = torch.export.export(torch.nn.Linear(2, 3), (torch.zeros(1, 2),))
    torch.export.save(program, path)
    with pytest.raises(WeightsError, match=r"an exported program .*save program.state_dict"):
        read(path)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("model.weights.h5", "a Keras archive"),
        ("folder/alexnet.pth", "a zip file with 'folder/alexnet.pth' in it; unpack it first"),
        ("notes.txt", "0 members called data.pkl"),
    ],
)
def test_other_zip_files_are_named(tmp_path, member, message):
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive_file:
        archive_file.writestr(member, b"x")
    with pytest.raises(WeightsError, match=message):
        read(path)
