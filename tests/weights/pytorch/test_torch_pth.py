"""PyTorch checkpoints: to the bit what torch saved and loads, with torch and without it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.programs.pickle_code import PROTOCOL, archive, name, state, tensor, text
from synthesis.programs.torch_files import Encoding, encode, state_dict, write_torch, zip_members
from synthesis.programs.torch_pickles import ITEM_BYTES, Storage, Tensor
from synthesis.programs.zip_writer import zip_bytes
from synthesis.seed_files.safetensors import torchvision_names
from synthesis.seed_files.torch import ENCODINGS, SEEDS
from synthesis.seeds import rounded

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.pytorch.read import read

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = TINY["torchvision"]
IS_ZIP = {"zip": True, "legacy": False}


def read_all(path: Path) -> dict[str, np.ndarray]:
    return {key: reference.read() for key, reference in read(path).tensors.items()}


def assert_same_bits(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert list(found) == list(expected)
    for key, values in expected.items():
        assert found[key].dtype == np.float32, key
        assert found[key].shape == values.shape, key
        assert found[key].tobytes() == values.tobytes(), key


@pytest.fixture
def torch():
    """Torch, silent: it warns of old containers, of protocols above 2, of its own plans."""
    module = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield module


def as_module(torch: Any, tensors: dict[str, np.ndarray]) -> Any:
    """Return a module whose state dict has these tensors by torchvision's names."""
    root = torch.nn.Module()
    for key, values in torchvision_names(tensors).items():
        *parents, last = key.split(".")
        module = root
        for parent in parents:
            if parent not in module._modules:
                module.add_module(parent, torch.nn.Module())
            module = module._modules[parent]
        module.register_parameter(last, torch.nn.Parameter(torch.from_numpy(values)))
    return root


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("container", IS_ZIP)
def test_what_torch_saves_is_read(container, protocol, tmp_path, torch):
    tensors = random_tensors(NETWORK)
    module = as_module(torch, tensors)
    path = tmp_path / "saved.pth"
    for saved in (
        module.state_dict(),
        dict(module.named_parameters()),
        {"epoch": 3, "arch": "alexnet", "state_dict": module.state_dict()},
    ):
        torch.save(
            saved,
            path,
            pickle_protocol=protocol,
            _use_new_zipfile_serialization=IS_ZIP[container],
        )
        assert_same_bits(read_all(path), tensors)
        assert read(path).variant == "torchvision"
        assert read(path).metadata.get("arch") == ("alexnet" if "arch" in saved else None)


@pytest.mark.parametrize("container", IS_ZIP)
def test_tensors_of_every_layout_are_read(container, tmp_path, torch):
    base = torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).reshape(2, 3, 4, 5) / 7
    saved = {
        "whole": base,
        "slice": base[1:, :, 1:3],
        "steps": base[:, ::2, :, 1::3],
        "transposed": base.transpose(0, 3),
        "last": base[1, 2, 3, 4:],
        "column": base[0, 0, :, 2],
        "channels_last": base.contiguous(memory_format=torch.channels_last),
        "empty": base[:0],
        "single": base[:1, :1, :1, :1],
    }
    path = tmp_path / "saved.pth"
    for change in (lambda t: t, torch.Tensor.half, torch.Tensor.bfloat16, torch.Tensor.double):
        changed = {key: change(values) for key, values in saved.items()}
        torch.save(changed, path, _use_new_zipfile_serialization=IS_ZIP[container])
        assert_same_bits(
            read_all(path), {key: values.float().numpy() for key, values in changed.items()}
        )


def test_float64_beyond_float32_becomes_infinite(tmp_path):
    storage = Storage("F64", np.array([1e300, -1e300, 1.5]).tobytes())
    path = tmp_path / "large.pth"
    path.write_bytes(encode({"x": Tensor(storage, 0, (3,), (1,))}, Encoding()))
    assert read(path).tensors["x"].read().tolist() == [np.inf, -np.inf, 1.5]


@pytest.mark.parametrize(
    ("dtype", "bits"), [("F64", 0x7FF0_0000_0000_0001), ("F16", 0x7C01), ("F32", 0x7F80_0001)]
)
def test_a_signalling_nan_is_a_nan_without_a_warning(dtype, bits, tmp_path):
    storage = Storage(dtype, bits.to_bytes(ITEM_BYTES[dtype], "little"))
    path = tmp_path / "nan.pth"
    path.write_bytes(encode({"x": Tensor(storage, 0, (1,), (1,))}, Encoding()))
    assert np.isnan(read(path).tensors["x"].read()).all()


@pytest.mark.parametrize("encoding", SEEDS)
def test_torch_reads_what_the_tests_write(encoding, tmp_path, torch):
    tensors = random_tensors(NETWORK)
    loaded = torch.load(
        SEEDS[encoding](tmp_path, NETWORK, tensors), map_location="cpu", weights_only=False
    )
    loaded = loaded.get("state_dict", loaded.get("model", loaded))
    expected = rounded(encoding, tensors)
    found = [values.detach().float().numpy() for values in loaded.values()]
    assert_same_bits(dict(zip(expected, found, strict=True)), expected)


def test_torch_loads_its_own_safe_way_what_the_tests_write(tmp_path, torch):
    path = write_torch(tmp_path / "safe.pth", random_tensors(NETWORK), ENCODINGS["torch-zip"])
    assert len(torch.load(path, weights_only=True)) == 16


def test_a_file_without_checksums_is_read(tmp_path, torch):
    tensors = random_tensors(NETWORK)
    path = tmp_path / "unchecked.pth"
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(as_module(torch, tensors).state_dict(), path)
    finally:
        torch.serialization.set_crc32_options(before)
    assert_same_bits(read_all(path), tensors)


def test_a_script_is_refused_with_advice(tmp_path, torch):
    path = tmp_path / "script.pt"
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), str(path))
    with pytest.raises(WeightsError, match="TorchScript"):
        read(path)


@pytest.mark.parametrize("layout", ["own", "shared"])
def test_a_flipped_bit_is_found_where_there_is_a_checksum(layout, tmp_path):
    tensors = random_tensors(NETWORK)
    members = zip_members(state_dict(tensors, Encoding(layout=layout)), Encoding())
    members[2].crc32 = 12345
    path = tmp_path / "flipped.pth"
    path.write_bytes(zip_bytes(members))
    found = read(path).tensors
    if layout == "own":
        with pytest.raises(WeightsError, match="checksum"):
            found["conv1.weight"].read()
        del found["conv1.weight"], tensors["conv1.weight"]
    # A part of a storage has no checksum of its own.
    assert_same_bits({key: found[key].read() for key in tensors}, tensors)


@pytest.mark.parametrize("prefix", ["archive", "a/b", "alexnet-owt-7be5be79", "モデル"])
def test_the_members_may_have_any_prefix(prefix, tmp_path):
    tensors = random_tensors(NETWORK)
    path = tmp_path / "prefix.pth"
    path.write_bytes(zip_bytes(zip_members(state_dict(tensors, Encoding()), prefix=prefix)))
    assert_same_bits(read_all(path), tensors)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model_state", "model", "net"])
def test_the_state_dict_is_found_under_its_usual_names(key, tmp_path):
    tensors = random_tensors(NETWORK)
    wrapped = Encoding(wrap=lambda state: {"epoch": 1, key: {"state_dict": state}})
    path = write_torch(tmp_path / "wrapped.pth", tensors, wrapped)
    assert_same_bits(read_all(path), tensors)


def test_what_is_no_tensor_is_left_out(tmp_path):
    path = tmp_path / "mixed.pth"
    code = b"}(" + text("x") + tensor() + text("version") + b"K\x01u."
    path.write_bytes(archive(PROTOCOL + code))
    assert_same_bits(read_all(path), {"x": np.arange(6, dtype=np.float32).reshape(2, 3)})


def test_a_tensor_of_integers_is_described_but_not_read(tmp_path):
    path = tmp_path / "integers.pth"
    steps = Tensor(Storage("I64", bytes(8)), 0, (1, 1), (1, 1))
    path.write_bytes(encode({"steps": steps}, Encoding()))
    reference = read(path).tensors["steps"]
    assert (reference.dtype, reference.shape, reference.stored_bytes) == ("I64", (1, 1), 8)
    with pytest.raises(WeightsError, match="numbers of type I64; weights are one of F16"):
        reference.read()


def test_attributes_of_the_state_dict_are_discarded(tmp_path):
    attack = b"}" + text("__class__") + name("torch", "FloatStorage") + b"s"
    path = tmp_path / "attributes.pth"
    code = name("collections", "OrderedDict") + b")R" + text("x") + tensor() + b"s" + attack + b"b"
    path.write_bytes(archive(PROTOCOL + code + b"."))
    assert list(read(path).tensors) == ["x"]


def test_the_sound_file_of_the_attacks_is_read(tmp_path):
    path = tmp_path / "sound.pth"
    path.write_bytes(archive(state(tensor())))
    expected = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert_same_bits(read_all(path), {"features.0.weight": expected})


STATE = {f"features.{n}.weight": Tensor(Storage("F32", bytes(4)), 0, (1,), (1,)) for n in range(5)}


@pytest.mark.parametrize("key", ["ema", "params", "weights", "teacher"])
def test_any_one_dict_of_tensors_is_found(tmp_path, key):
    path = tmp_path / "wrapped.pth"
    few = {"criterion.weight": STATE["features.0.weight"]}
    path.write_bytes(encode({"epoch": 3, "loss": few, key: STATE}, Encoding()))
    found = read(path)
    assert list(found.tensors) == list(STATE)
    assert found.metadata["key"] == key


def test_several_dicts_of_tensors_are_refused(tmp_path):
    path = tmp_path / "wrapped.pth"
    path.write_bytes(encode({"student": STATE, "teacher": STATE}, Encoding()))
    with pytest.raises(WeightsError, match="under the keys 'student', 'teacher'; save one"):
        read(path)
