"""Every format, read back by the library that its users read it with."""

from __future__ import annotations

import csv
import json
import os

import numpy as np
import pytest

LAYERS = ["fc7", "conv5"]
GOOD = [0, 1, 2, 4, 5, 6]


@pytest.fixture
def expected(net, folder):
    return net.features([folder / f"img{i}.png" for i in GOOD], LAYERS)


def names_of(folder):
    return [str(folder / f"img{i}.png") for i in GOOD]


def check_metadata(metadata, folder):
    assert metadata["layers"] == LAYERS
    assert len(metadata["weights_sha256"]) == 64
    [skipped] = metadata["skipped"]
    assert (skipped["index"], skipped["file"]) == (3, str(folder / "img3.png"))
    assert "no JPEG" in skipped["error"]


def test_npz(net, folder, expected, tmp_path):
    written = net.write_features(folder, tmp_path / "x.npz", LAYERS)
    assert written.shapes == {name: value.shape for name, value in expected.items()}
    with np.load(tmp_path / "x.npz") as archive:
        assert archive["files"].tolist() == names_of(folder)
        check_metadata(json.loads(archive["metadata"].item()), folder)
        for layer in LAYERS:
            np.testing.assert_array_equal(archive[layer], expected[layer])


def thingsvision_reads(out_path):
    """thingsvision's rules (utils/data/helpers.py and utils/storing/helpers.py at 57e91c9): the
    names of the images, one a line, in file_names.txt; features in .npy files, a row an image."""
    with open(os.path.join(out_path, "file_names.txt")) as stream:
        file_names = [line.strip() for line in stream]
    arrays = {
        name.removesuffix(".npy"): np.load(os.path.join(out_path, name), mmap_mode="r")
        for name in os.listdir(out_path)
        if name.endswith(".npy")
    }
    return file_names, arrays


def test_folder_as_thingsvision_reads_it(net, folder, expected, tmp_path):
    net.write_features(folder, tmp_path / "acts", LAYERS)
    assert sorted(os.listdir(tmp_path)) == ["acts", "images"]
    names, arrays = thingsvision_reads(tmp_path / "acts")
    assert names == names_of(folder)
    assert set(arrays) == set(LAYERS)
    for layer, rows in arrays.items():
        assert isinstance(rows, np.memmap)
        np.testing.assert_array_equal(rows, expected[layer])
    check_metadata(json.loads((tmp_path / "acts" / "features.json").read_text()), folder)


def test_a_name_of_two_lines(net, folder, tmp_path):
    with pytest.raises(ValueError, match=r"would be two lines of file_names\.txt"):
        net.write_features([str(folder / "a\nb.png")], tmp_path / "acts")


def test_npy(net, folder, expected, tmp_path):
    net.write_features(folder, tmp_path / "x.npy", "conv5")
    rows = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(rows, expected["conv5"])
    assert json.loads((tmp_path / "x.npy.json").read_text())["files"] == names_of(folder)
    with pytest.raises(ValueError, match=r"a \.npy file holds one layer, 2 are asked for"):
        net.write_features(folder, tmp_path / "y.npy", LAYERS)


def test_csv(net, folder, expected, tmp_path):
    net.write_features(folder, tmp_path / "x.csv", LAYERS, pool="mean")
    with open(tmp_path / "x.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == names_of(folder)
    fc7 = np.array([[row[f"fc7_{i}"] for i in range(40)] for row in rows], np.float32)
    np.testing.assert_array_equal(fc7, expected["fc7"])
    assert "conv5_255" in rows[0]
    assert "conv5_256" not in rows[0]
    check_metadata(json.loads((tmp_path / "x.csv.json").read_text())["metadata"], folder)


def test_hdf5(net, folder, expected, tmp_path):
    h5py = pytest.importorskip("h5py")
    net.write_features(folder, tmp_path / "x.h5", LAYERS)
    with h5py.File(tmp_path / "x.h5") as file:
        assert [name.decode() for name in file["files"]] == names_of(folder)
        check_metadata(json.loads(file.attrs["metadata"]), folder)
        for layer in LAYERS:
            np.testing.assert_array_equal(file[layer][...], expected[layer])


def test_mat(net, folder, expected, tmp_path):
    loadmat = pytest.importorskip("scipy.io").loadmat
    net.write_features(folder, tmp_path / "x.mat", [*LAYERS, "features.4"])
    arrays = loadmat(tmp_path / "x.mat")
    assert b"written by alexnet_cy" in arrays["__header__"]
    assert [name[0].item() for name in arrays["files"]] == names_of(folder)
    # size(conv5) is [6 256 13 13]: images x channels x height x width.
    assert arrays["conv5"].shape == (6, 256, 13, 13)
    np.testing.assert_array_equal(arrays["conv5"], expected["conv5"])
    assert "features_4" in arrays


def test_mat_beyond_its_limit():
    from alexnet_cy.extraction.formats import mat

    with pytest.raises(ValueError, match=r"conv1 takes 2323200000 bytes.*write \.h5"):
        mat.check({"conv1": (96, 55, 55)}, 2000, 4)


def test_parquet(net, folder, expected, tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    net.write_features(folder, tmp_path / "x.parquet", LAYERS, on_error="nan")
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.schema.field("fc7").type == arrow.list_(arrow.float32(), 40)
    assert table["file"].to_pylist() == [str(folder / f"img{i}.png") for i in range(7)]
    assert [error is None for error in table["error"].to_pylist()] == [i in GOOD for i in range(7)]
    assert table["fc7"].to_pylist()[3] is None
    rows = np.array([row for row in table["conv5"].to_pylist() if row is not None], np.float32)
    np.testing.assert_array_equal(rows, expected["conv5"].reshape(6, -1))


@pytest.mark.parametrize(
    ("name", "library"), [("x.h5", "h5py"), ("x.mat", "scipy.io"), ("x.parquet", "pyarrow.parquet")]
)
def test_a_library_that_is_missing(net, folder, tmp_path, monkeypatch, name, library):
    import sys

    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=r"which is not installed: pip install 'alexnet-cy\["):
        net.write_features(folder, tmp_path / name)
    assert os.listdir(tmp_path) == ["images"]


def test_the_same_features_make_the_same_file(net, folder, tmp_path):
    endings = [".npz", ".npy", ".csv"]
    for ending, library in ((".h5", "h5py"), (".mat", "scipy"), (".parquet", "pyarrow")):
        try:
            __import__(library)
        except ImportError:
            continue
        endings.append(ending)
    for ending in endings:
        first, second = tmp_path / f"1{ending}", tmp_path / f"2{ending}"
        for path in (first, second):
            net.write_features(folder, path, "fc7")
        assert first.read_bytes() == second.read_bytes(), ending


def test_an_unknown_ending(net, folder, tmp_path):
    with pytest.raises(ValueError, match=r"output: need a name that ends in \.npz, \.npy, "):
        net.write_features(folder, tmp_path / "x.zarr")
