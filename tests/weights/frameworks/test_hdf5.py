"""HDF5: what the tests of all formats do not say."""

from __future__ import annotations

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays.stored_arrays import as_tensor
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.hdf5.objects import Archive
from alexnet_cy.weights.hdf5.read import _walk, read
from alexnet_cy.weights.layouts import as_stored


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.h5"


def arrays_of(path):
    """Every array of a file, without the library."""
    return {
        name: as_tensor(array, array.shape, as_stored).read()
        for name, array in _walk(Archive(open_file(path)))[0].items()
    }


def write_types(h5py, archive):
    for i, dtype in enumerate(("<f2", "<f4", "<f8", ">f2", ">f4", ">f8")):
        archive[f"deep/group{i}/values"] = np.arange(6, dtype=dtype).reshape(2, 3) / 7
    archive["single"] = 3.0
    archive["empty group/a"] = np.ones(1)
    del archive["empty group/a"]


def write_chunks(h5py, archive):
    rng = np.random.default_rng(0)
    sizes = [((10, 7), (3, 2)), ((5,), (5,)), ((4, 3, 2, 9), (2, 2, 2, 4)), ((300, 200), (7, 9))]
    for i, (shape, chunks) in enumerate(sizes):
        for k, options in enumerate(
            [{}, {"compression": "gzip"}, {"compression": 9, "shuffle": True}, {"shuffle": True}]
        ):
            values = rng.standard_normal(shape).astype(("<f4", "<f8", "<f2", ">f4")[k])
            archive.create_dataset(f"{i}/{k}", data=values, chunks=chunks, **options)


def write_many(h5py, archive):
    for i in range(500):
        archive[f"x{i:03}"] = np.full(2, i, "f4")


def write_grown(h5py, archive):
    values = archive.create_dataset("a", (4, 4), "f4", maxshape=(None, 4))
    values[...] = 1
    values.resize((9, 4))
    values[4:] = 2


def write_within_the_object(h5py, archive):
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_layout(h5py.h5d.COMPACT)
    shape = h5py.h5s.create_simple((3, 4))
    values = h5py.h5d.create(archive.id, b"c", h5py.h5t.NATIVE_FLOAT, shape, settings)
    values.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(12, dtype="f4").reshape(3, 4))


WRITTEN = (write_types, write_chunks, write_many, write_grown, write_within_the_object)


@pytest.mark.parametrize("write", WRITTEN)
@pytest.mark.parametrize("form", ["earliest", "latest"])
def test_arrays_are_those_of_the_library(h5py, path, write, form):
    with h5py.File(path, "w", libver=form) as archive:
        write(h5py, archive)
    expected = {}
    with h5py.File(path) as archive:
        archive.visititems(
            lambda name, item: (
                expected.update({name: item[()].astype("f4")})
                if getattr(item, "shape", ())
                else None
            )
        )
    if form == "latest" and write in (write_chunks, write_many, write_grown):
        with pytest.raises(WeightsError, match="libver='earliest'"):
            arrays_of(path)
        return
    found = arrays_of(path)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, name)


def test_a_compact_array_that_is_shorter_than_it_says(h5py, path):
    with h5py.File(path, "w") as archive:
        write_within_the_object(h5py, archive)
    layout = b"\x03\x00" + (48).to_bytes(2, "little")  # version, class and size
    data = path.read_bytes()
    assert data.count(layout) == 1
    path.write_bytes(data.replace(layout, b"\x03\x00\x10\x00"))
    with pytest.raises(WeightsError, match="48 bytes of numbers, of which 16 are in the file"):
        arrays_of(path)


@pytest.mark.parametrize("kind", ["fixed", "any length"])
def test_keras_order_of_layers(h5py, path, kind):
    names = [b"stem", b"body", b"a head"]
    with h5py.File(path, "w") as archive:
        archive.attrs["layer_names"] = np.array(names) if kind == "fixed" else names
        for name in names:
            archive[name + b"/kernel"] = np.ones(2)
    assert list(arrays_of(path)) == ["stem/kernel", "body/kernel", "a head/kernel"]


def test_attributes_in_the_newest_form_are_refused(h5py, path):
    with h5py.File(path, "w", libver="latest") as archive:
        for i in range(20):  # the order of layers would be among these
            archive.attrs[str(i)] = i
    with pytest.raises(WeightsError, match="libver='earliest'"):
        arrays_of(path)


def test_numbers_in_one_piece_are_read_by_rows(h5py, path):
    tensors = random_tensors(TINY["caffe"])
    with h5py.File(path, "w") as archive:
        for name, values in tensors.items():
            archive[f"data/{name.replace('.weight', '/0').replace('.bias', '/1')}"] = values
    found = read(path)
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


def write_checksums(h5py, archive, path):
    archive.create_dataset("x", data=np.zeros(100, "f4"), chunks=(10,), fletcher32=True)


def write_missing_chunks(h5py, archive, path):
    archive.create_dataset("x", (100,), "f4", chunks=(10,))[:50] = 1


def write_texts(h5py, archive, path):
    archive["x"] = np.array([b"abc", b"d"])


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
        (write_checksums, "compressed by a filter"),
        (write_missing_chunks, "200 bytes in 5 chunks are in the file"),
        (write_texts, "elements that are no numbers"),
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
