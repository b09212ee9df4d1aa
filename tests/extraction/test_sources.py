"""Where images come from: lists, tables, folders, HDF5 files, arrays."""

import io
import json

import numpy as np
import pytest

from alexnet_cy.errors import ImageError
from alexnet_cy.extraction.items import collect, shard_of
from alexnet_cy.extraction.lists import read_list


def test_lines(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"b.jpg\r\n\n# a.jpg\n two words.png\n\xff.png")
    assert read_list(path) == ["b.jpg", "# a.jpg", " two words.png", "\udcff.png"]
    assert read_list(io.StringIO("x\ny\n"), root="in") == ["in/x", "in/y"]


def test_tables(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text('\ufefftrial,Image,"other, file"\n1,"a,1.png",z\n2,b.png,z\n', encoding="utf-8")
    assert read_list(path) == ["a,1.png", "b.png"]
    assert read_list(path, "other, file") == ["z", "z"]
    assert read_list(io.StringIO("id\tp\n1\tq\n"), "id\tp") == ["1\tq"]
    (tmp_path / "t.tsv").write_text("id\tpath\n1\tq r\n")
    assert read_list(tmp_path / "t.tsv") == ["q r"]
    with pytest.raises(ImageError, match="has no column 'x'; its columns are trial, Image"):
        read_list(path, "x")
    (tmp_path / "u.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ImageError, match="has no column of paths; its columns are a, b"):
        read_list(tmp_path / "u.csv")


def test_lists_that_cannot_be(tmp_path):
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(ImageError, match=r"empty\.txt': there is no path in this list"):
        read_list(tmp_path / "empty.txt")
    with pytest.raises(ImageError, match="No such file"):
        read_list(tmp_path / "none.txt")


def test_shards_are_consecutive_and_whole():
    whole = collect([b"%d" % i for i in range(10)])
    for count in (1, 3, 7, 10, 13):
        parts = [shard_of(whole, i, count) for i in range(1, count + 1)]
        assert [item for part in parts for item in part.items] == whole.items
        assert [name for part in parts for name in part.names] == whole.names
        assert {part.list_hash for part in parts} == {whole.list_hash}
    with pytest.raises(ValueError, match="shard: need a number from 1 to 3, got 4 of 3"):
        shard_of(whole, 4, 3)


def test_the_hash_tells_images_without_a_name_apart():
    image = np.zeros((4, 4, 3), np.uint8)
    hashes = {collect([x]).list_hash for x in (image, image + 1, image[:2], b"x", b"y", "x", "y")}
    assert len(hashes) == 7
    with pytest.raises(TypeError, match="an open file cannot be read twice"):
        collect([io.BytesIO(b"x")])


def test_images_in_an_hdf5_file(net, tmp_path):
    h5py = pytest.importorskip("h5py")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 30, 40, 3)).astype(np.uint8)
    with h5py.File(tmp_path / "nsd.h5", "w") as file:
        file["imgBrick"] = pixels
        file["labels"] = np.zeros(5, np.uint8)
    expected = net.features(pixels, "fc7")
    brick = f"{tmp_path / 'nsd.h5'}::imgBrick"
    for i, name in enumerate((str(tmp_path / "nsd.h5"), brick)):
        written = net.write_features(name, tmp_path / f"{i}.npz")
        with np.load(written.output) as archive:
            np.testing.assert_array_equal(archive["fc7"], expected)
            assert archive["files"].tolist() == [f"{brick}[{i}]" for i in range(5)]
            assert json.loads(archive["metadata"].item())["images"] == 5
    with pytest.raises(ImageError, match="it has imgBrick"):
        net.write_features(f"{tmp_path / 'nsd.h5'}::labels", tmp_path / "y.npz")
    (tmp_path / "bad.h5").write_bytes(b"bad")
    with pytest.raises(ImageError, match="cannot be read as HDF5"):
        net.write_features(tmp_path / "bad.h5", tmp_path / "y.npz")
