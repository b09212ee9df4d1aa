"""Npy: dicts of arrays in every kind of pickle."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.programs.numpy_pickles import (
    APPEND,
    DICT,
    LIST,
    PROTO,
    SETITEM,
    STOP,
    array,
    call,
    data_bytes,
    file_with,
    name,
    object_array,
    text,
)
from synthesis.programs.python2_pickle import python2_dumps
from synthesis.seed_files.npy import npy_bytes
from synthesis.seeds import SEEDS

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights import open_network
from alexnet_cy.weights.arrays import npy


@pytest.fixture
def read(tmp_path):
    """Read bytes as an npy file."""

    def read_bytes(data):
        path = tmp_path / "network.npy"
        path.write_bytes(data)
        return npy.read(path)

    return read_bytes


@pytest.mark.parametrize("encoding", [name for name in SEEDS if name.startswith("npy-")])
def test_numpy_reads_the_same_arrays_from_these_files(encoding, tmp_path):
    network = TINY["caffe"]
    path = SEEDS[encoding](tmp_path, network, random_tensors(network))
    stored = np.load(path, allow_pickle=True, encoding="latin1").item()
    opened = open_network(path, network)
    key = next(key for key in stored if str(key).strip("b'").startswith("fc7"))
    if "tensorpack" in encoding:
        weight = stored["fc7/W"]
    elif isinstance(stored[key], dict):
        weight = next(iter(stored[key].values()))
    else:
        weight = stored[key][0]
    np.testing.assert_array_equal(opened.tensors["fc7.weight"].read(), weight.T)


def test_the_synthesised_pickles_are_pickles():
    loaded = pickle.loads(PROTO + array((1, 2), data=data_bytes(b"\0\0\x80?\0\0\0@")) + STOP)
    assert loaded.tolist() == [[1, 2]]


def test_an_array_that_is_put_together_is_read(read):
    file = read(file_with(array(data=data_bytes(np.array([1, 2], "<f4").tobytes()))))
    assert file.format == "npy"
    assert file.variant is None
    assert file.tensors["conv1.bias"].read().tolist() == [1, 2]


@pytest.mark.parametrize("values", [[1.5, -2], [1e-40, 3e38]])
@pytest.mark.parametrize("code", ["f2", "f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_number_formats(read, values, code, order, protocol):
    with np.errstate(over="ignore"):
        stored = np.array(values, order + code)
    value = np.array({"conv1": [stored, stored]}, object)
    tensor = read(npy_bytes(pickle.dumps(value, protocol=protocol))).tensors["conv1.bias"]
    assert tensor.dtype == f"F{8 * int(code[1])}"
    assert tensor.stored_bytes >= stored.nbytes
    np.testing.assert_array_equal(tensor.read(), stored.astype(np.float32))


def test_every_byte_survives_the_text_of_python_3(read):
    # In protocol 2 Python 3 writes bytes as text in UTF-8: 1.5 bytes for each. Pieces of 64 KiB end
    # between the two bytes of a character.
    for size in (3, 5000, 100_000):
        stored = np.resize(np.arange(256, dtype=np.uint8), 4 * size).view("<f4")
        value = np.array({"conv1/b": stored}, object)
        tensor = read(npy_bytes(pickle.dumps(value, protocol=2))).tensors["conv1.bias"]
        assert tensor.read().tobytes() == stored.tobytes()


def test_python_2s_short_strings_hold_any_byte(read):
    stored = np.arange(252, dtype=np.uint8).view("<f4")
    assert stored.nbytes < 256
    value = np.array({"conv1/b": stored}, object)
    tensor = read(npy_bytes(python2_dumps(value))).tensors["conv1.bias"]
    assert tensor.read().tobytes() == stored.tobytes()


def test_an_object_array_may_have_an_axis_of_one(read):
    item = DICT + text("conv1") + LIST + array() + APPEND + SETITEM
    assert read(npy_bytes(PROTO + object_array(item, (1,)) + STOP)).tensors.keys() == {
        "conv1.weight"
    }


def test_an_array_whose_text_is_short_is_refused(read):
    # Four characters of two bytes each stand for eight bytes as far as their length can tell.
    short = text("\u00e9" * 3000)  # 6000 bytes of UTF-8, 3000 characters
    encoded = call(name("_codecs", "encode"), short, text("latin1"))
    tensor = read(file_with(array((1250,), data=encoded))).tensors["conv1.bias"]
    with pytest.raises(WeightsError, match="longer than its text"):
        tensor.read()


def test_text_that_stands_for_no_bytes_is_refused(read):
    encoded = call(name("_codecs", "encode"), text("\u20ac" * 2000), text("latin1"))
    tensor = read(file_with(array((1000,), data=encoded))).tensors["conv1.bias"]
    with pytest.raises(WeightsError, match="stands for no bytes"):
        tensor.read()
