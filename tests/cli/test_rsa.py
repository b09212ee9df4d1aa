"""`alexnet-cy rdm` and `alexnet-cy neighbours`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alexnet_cy import AlexNet
from alexnet_cy.rsa import nearest, rdm
from alexnet_cy.rsa.feature_files import read_features

Run = Callable[..., Any]

VALUES = np.random.default_rng(0).normal(size=(5, 6, 2)).astype(np.float32)


@pytest.fixture
def names(tmp_path: Path) -> list[str]:
    """Five images, each of one grey."""
    paths = [tmp_path / f"{i}.png" for i in range(5)]
    for i, path in enumerate(paths):
        Image.new("L", (200 - 30 * i, 100), 20 + 50 * i).save(path)
    return list(map(str, paths))


@pytest.fixture
def archive(tmp_path: Path, names: list[str]) -> Path:
    path = tmp_path / "features.npz"
    np.savez(path, conv5=VALUES, fc7=VALUES[:, 0], files=np.array(names), metadata="{}")
    return path


def test_a_matrix(run: Run, archive: Path, names: list[str], tmp_path: Path) -> None:
    target, picture = tmp_path / "rdm.npz", tmp_path / "rdm.png"
    outcome = run("rdm", archive, "-l", "conv5", "-o", target, "--picture", picture)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.endswith("rdm.npz: correlation of conv5, 5 x 5\n")
    expected = rdm(VALUES)
    with np.load(target) as written:
        np.testing.assert_array_equal(written["rdm"], expected)
        assert written["files"].tolist() == names
        assert json.loads(str(written["metadata"])) == {
            "layer": "conv5",
            "metric": "correlation",
            "images": 5,
        }
    pixels = np.asarray(Image.open(picture))
    assert pixels.shape == (600, 600, 3)
    row, column = np.unravel_index(expected.argmax(), expected.shape)
    assert pixels[row * 120 + 60, column * 120 + 60].tolist() == [253, 231, 37]
    assert pixels[60, 60].tolist() == [68, 1, 84]


def test_a_matrix_alone(run: Run, archive: Path, tmp_path: Path) -> None:
    options = ("-l", "fc7", "-m", "euclidean", "-o", tmp_path / "rdm.npy", "--json")
    assert run("rdm", archive, *options).json == {
        "layer": "fc7",
        "metric": "euclidean",
        "images": 5,
        "output": str(tmp_path / "rdm.npy"),
    }
    np.testing.assert_array_equal(np.load(tmp_path / "rdm.npy"), rdm(VALUES[:, 0], "euclidean"))


def test_neighbours(run: Run, archive: Path, names: list[str], tmp_path: Path) -> None:
    picture = tmp_path / "sheet.png"
    options = ("-l", "conv5", "-k", "2", "--of", names[3], "--of", names[0])
    outcome = run("neighbours", archive, *options, "--picture", picture)
    near = nearest(VALUES, 2, of=[3, 0])
    lines = []
    for name, indices, distances in zip(
        (names[3], names[0]), near.indices, near.distances, strict=True
    ):
        lines.append(name)
        lines += [f"  {d:.4f}  {names[i]}" for i, d in zip(indices, distances, strict=True)]
    assert (outcome.status, outcome.out.splitlines()) == (0, lines)
    pixels = np.asarray(Image.open(picture))
    assert pixels.shape == (2 * 132, 3 * 132 + 16, 3)
    assert [pixels[5 + 132 * i, 5, 0] for i in range(2)] == [170, 20]
    second = near.indices[:, 0]
    assert [pixels[5 + 132 * i, 132 + 16 + 5, 0] for i in range(2)] == (20 + 50 * second).tolist()


def test_neighbours_of_all_as_json(run: Run, archive: Path, names: list[str]) -> None:
    answer = run("neighbours", archive, "-l", "fc7", "-m", "correlation", "-k", "1", "--json").json
    near = nearest(VALUES[:, 0], 1, metric="correlation")
    assert (answer["layer"], answer["metric"]) == ("fc7", "correlation")
    assert answer["images"] == [
        {"image": name, "neighbours": [{"image": names[i], "distance": distance}]}
        for name, [i], [distance] in zip(
            names, near.indices.tolist(), near.distances.tolist(), strict=True
        )
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("rdm", "features.npz", "-o", "x.npy"), 1, "has the layers conv5, fc7; name one of them"),
        (("rdm", "features.npz", "-l", "fc6", "-o", "x.npy"), 1, "there is no 'fc6'"),
        (("rdm", "features.npz", "-l", "fc7", "-o", "x.csv"), 2, "--output: need a name that ends"),
        (("rdm", "features.npz", "-o", "x.npy", "--picture", "x.gif"), 2, "--picture: need a name"),
        (("rdm", "features.csv", "-o", "x.npy"), 1, "need .npz, .npy, .h5 or .hdf5"),
        (("rdm", "nowhere.npy", "-o", "x.npy"), 1, "nowhere.npy: No such file"),
        (("rdm", "features.npz", "-o", "features.npz"), 1, "is also read"),
        (("neighbours", "features.npz", "-l", "fc7", "--of", "6.png"), 2, "--of: 6.png is not"),
        (("neighbours", "features.npz", "-l", "fc7", "-k", "5"), 1, "k: there are 4 images"),
    ],
)
def test_refused(
    run: Run,
    archive: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    status: int,
    message: str,
) -> None:
    monkeypatch.chdir(archive.parent)
    outcome = run(*arguments)
    assert outcome.status == status
    assert message in outcome.err


def test_files_of_features(tmp_path: Path) -> None:
    folder = tmp_path / "layers"
    folder.mkdir()
    np.save(folder / "conv5.npy", VALUES)
    np.save(folder / "fc7.npy", VALUES[:, 0])
    assert read_features(folder / "fc7.npy").names == ["0", "1", "2", "3", "4"]
    (folder / "file_names.txt").write_text("a.png\nb.png\nc c.png\nd.png\ne.png\n")
    for found in (read_features(folder, "conv5"), read_features(folder / "conv5.npy")):
        assert (found.layer, found.names[2]) == ("conv5", "c c.png")
        np.testing.assert_array_equal(found.values, VALUES)
        assert isinstance(found.values, np.memmap)
    (folder / "fc7.npy.json").write_text(json.dumps({"files": list("vwxyz")}))
    assert read_features(folder, "fc7").names == list("vwxyz")
    (folder / "file_names.txt").write_text("a.png\n")
    with pytest.raises(ValueError, match="has 5 rows and 1 names"):
        read_features(folder, "conv5")
    np.save(folder / "flat.npy", VALUES.ravel())
    with pytest.raises(ValueError, match=r"flat has shape \(60,\)"):
        read_features(folder, "flat")


@pytest.mark.parametrize("ending", [".npz", ".npy", "", ".h5"])
def test_what_features_has_written(
    run: Run, weights_of: Callable[..., Path], names: list[str], tmp_path: Path, ending: str
) -> None:
    if ending == ".h5":
        pytest.importorskip("h5py")
    weights, target = weights_of("torchvision"), tmp_path / f"written{ending}"
    output = target if ending else f"{target}/"
    assert run("features", *names, "-l", "pool5", "-o", output, "--weights", weights).status == 0
    found = read_features(target, None if ending != ".npy" else "pool5")
    assert (found.layer, found.names) == ("pool5", names)
    expected = AlexNet.load(weights).features(names, "pool5")
    np.testing.assert_array_equal(found.values, expected)
