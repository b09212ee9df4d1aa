"""HDF5: what the tests of all formats do not say."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights import read_file
from alexnet_cy.weights.frameworks.hdf5 import read


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.h5"


def test_without_h5py_the_error_says_what_to_install(path, monkeypatch):
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(WeightsError, match=r'pip install "alexnet-cy\[hdf5\]"'):
        read_file(path)


def test_numbers_in_one_piece_need_no_h5py(h5py, path, monkeypatch):
    tensors = random_tensors(TINY["caffe"])
    with h5py.File(path, "w") as archive:
        for name, values in tensors.items():
            archive[f"data/{name.replace('.weight', '/0').replace('.bias', '/1')}"] = values
    found = read(path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    for name, values in tensors.items():
        assert found.tensors[name].read().tobytes() == values.tobytes()
    assert found.tensors["fc6.weight"].reads_rows


def write_external_link(h5py, archive, path):
    archive["conv1/kernel:0"] = h5py.ExternalLink("/etc/passwd", "/x")


def write_soft_link(h5py, archive, path):
    archive["conv1/kernel:0"] = h5py.SoftLink("/conv1")


def write_external_numbers(h5py, archive, path):
    archive.create_dataset("x/0", (4,), "f4", external=[("/etc/hostname", 0, 16)])


def write_virtual(h5py, archive, path):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (4,))
    archive.create_virtual_dataset("x", layout)


def write_bomb(h5py, archive, path):
    archive.create_dataset("x", (1 << 40,), "f4", chunks=(1 << 20,), compression="gzip")


def write_nothing(h5py, archive, path):
    archive.create_dataset("x", (1 << 34,), "f4")


def write_other_filter(h5py, archive, path):
    archive.create_dataset("x", data=np.zeros(100, "f4"), chunks=(10,), compression="lzf")


def write_whole_numbers(h5py, archive, path):
    archive["x"] = np.zeros((2, 2), np.int32)


def write_cycle(h5py, archive, path):
    archive["a/b"] = archive["/"]


def write_groups(h5py, archive, path):
    for i in range(2100):
        archive.create_group(f"g{i}")


def write_empty(h5py, archive, path):
    archive.create_group("g")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (write_external_link, "is a link, perhaps to another file"),
        (write_soft_link, "is a link"),
        (write_external_numbers, "its numbers are in another file"),
        (write_virtual, "its numbers are in another file"),
        (write_bomb, "bytes of numbers, of which"),
        (write_nothing, "bytes of numbers, of which 0 are in the file"),
        (write_other_filter, "compressed by a filter"),
        (write_whole_numbers, "elements of type int32"),
        (write_cycle, "nested more than 12 deep"),
        (write_groups, "more than 2000 groups"),
        (write_empty, "without any arrays"),
    ],
)
def test_what_is_refused(h5py, path, write, message):
    try:
        with h5py.File(path, "w") as archive:
            write(h5py, archive, path)
    except OSError as error:  # this library of HDF5 does not write it
        pytest.skip(str(error))
    with pytest.raises(WeightsError, match=message):
        read(path)
