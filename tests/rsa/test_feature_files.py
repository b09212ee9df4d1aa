"""Feature files that are damaged, or that others have made otherwise: an error that names them."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest

from alexnet_cy.rsa.feature_files import read_features

ROWS = np.random.default_rng(0).normal(size=(5, 7)).astype(np.float32)
NAMES = list("vwxyz")


def write_hdf5(path):
    with pytest.importorskip("h5py").File(path, "w") as file:
        file["fc7"] = ROWS
        file["files"] = np.array(NAMES, "S")


WRITERS = {
    "x.npz": lambda path: np.savez(path, fc7=ROWS, files=np.array(NAMES)),
    "packed.npz": lambda path: np.savez_compressed(path, fc7=ROWS),
    "x.npy": lambda path: np.save(path, ROWS),
    "x.h5": write_hdf5,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRITERS)
def test_damaged_files(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    np.testing.assert_array_equal(read_features(path).values, ROWS)
    good, rng, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(400):
        content = bytearray(good)
        for _ in range(rng.choice([1, 1, 3])):
            content[rng.randrange(len(content))] = rng.randrange(256)
        if rng.random() < 0.3:
            del content[rng.randrange(len(content)) :]
        path.write_bytes(content)
        try:
            read_features(path)
        except (ValueError, OSError) as error:
            refused += 1
            assert str(path) in str(error)  # noqa: PT017
    assert refused > 40


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.h5"])
def test_a_fifo(tmp_path, name):
    if name == "x.h5":
        pytest.importorskip("h5py")
    os.mkfifo(tmp_path / name)
    with pytest.raises(OSError, match="is no regular file"):
        read_features(tmp_path / name)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (np.arange(5), "no list of texts"),
        (np.array([b"v"] * 5), "no list of texts"),
        (np.array([NAMES]), "no list of texts"),
        (np.array("v"), "no list of texts"),
        (np.array(NAMES[:3]), "has 5 rows and 3 names"),
    ],
)
def test_names_in_an_archive(tmp_path, names, message):
    np.savez(tmp_path / "x.npz", fc7=ROWS, files=names)
    with pytest.raises(ValueError, match=message):
        read_features(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("[]", "cannot be read"),
        ("{}", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"files": 5}', "no list of texts"),
        ('{"files": "vwxyz"}', "no list of texts"),
        ('{"files": [1, 2, 3, 4, 5]}', "no list of texts"),
    ],
)
def test_names_beside_an_array(tmp_path, text, message):
    np.save(tmp_path / "x.npy", ROWS)
    (tmp_path / "x.npy.json").write_text(text)
    with pytest.raises(ValueError, match=rf"x\.npy.*{message}"):
        read_features(tmp_path / "x.npy")


@pytest.mark.parametrize("name", ["x.npz", "x.npy"])
@pytest.mark.parametrize("values", [np.float32(3), np.zeros(4, np.float32)])
def test_values_without_rows(tmp_path, name, values):
    if name == "x.npz":
        np.savez(tmp_path / name, fc7=values)
    else:
        np.save(tmp_path / name, values)
    with pytest.raises(ValueError, match=r"need \(N, \.\.\.\)"):
        read_features(tmp_path / name)


def test_an_array_that_is_called_an_archive(tmp_path):
    with open(tmp_path / "x.npz", "wb") as stream:
        np.save(stream, ROWS)
    with pytest.raises(ValueError, match=r"is no \.npz file"):
        read_features(tmp_path / "x.npz")


def test_groups_and_numbers_in_hdf5(tmp_path):
    h5py = pytest.importorskip("h5py")
    for name, content in (("group", None), ("numbers", np.arange(5)), ("bytes", [b"\xff"] * 5)):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["fc7"] = ROWS
            if content is None:
                file.create_group("files")
            else:
                file["files"] = content
        with pytest.raises(ValueError, match="cannot be read"):
            read_features(tmp_path / f"{name}.h5")
