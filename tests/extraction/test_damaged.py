"""What was written earlier and is damaged, edited or of others: an error, and nothing lost."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from alexnet_cy import ImageError
from alexnet_cy.extraction.items import collect


class Stop(Exception):
    pass


@pytest.fixture
def begun(net, folder, tmp_path, small_batches):
    """An extraction that was ended after four images: its output, and the folder of its rows."""

    def stop(done, n_images):
        if done >= 4:
            raise Stop

    output = tmp_path / "x.npz"
    with pytest.raises(Stop):
        net.write_features(folder, output, "fc6", on_error="skip", progress=stop)
    return output, tmp_path / "x.npz.unfinished"


@pytest.fixture
def go_on(net, folder, begun):
    return lambda: net.write_features(folder, begun[0], "fc6", on_error="skip")


@pytest.mark.parametrize(
    "content", ["", "[]", "3", "{", "[" * 100_000, b"\xff\xfe"], ids=lambda value: repr(value[:3])
)
def test_a_manifest(begun, go_on, content):
    manifest = begun[1] / "manifest.json"
    manifest.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(OSError, match=r"manifest\.json: is damaged"):
        go_on()


@pytest.mark.parametrize(
    "line",
    [
        "x",
        "",
        "[]",
        "{}",
        "null",
        '{"done": "a", "rows": 4, "skipped": []}',
        '{"done": 4.0, "rows": 4, "skipped": []}',
        '{"done": 5, "rows": 5, "skipped": 3}',
        '{"done": 5, "rows": 4, "skipped": [[1]]}',
        '{"done": 5, "rows": 4, "skipped": [["4", "no image"]]}',
        '{"done": 5, "rows": 4, "skipped": [[4, null]]}',
        '{"done": -1, "rows": -1, "skipped": []}',
        '{"done": 2, "rows": 2, "skipped": []}',
        '{"done": 6, "rows": 3, "skipped": []}',
        '{"done": 5, "rows": 6, "skipped": []}',
        '{"done": 5, "rows": 3, "skipped": [[9, "no image"]]}',
        '{"done": 5, "rows": 3, "skipped": [[3, "once more"]]}',
        '{"done": 5, "rows": 4, "skipped": [], "packed": 1}',
        '{"done": 9999, "rows": 9998, "skipped": []}',
        '{"done": 7, "rows": 6, "skipped": [], "packed": true}',
    ],
)
def test_a_journal(begun, go_on, line):
    """A wrong number in it would give other rows than the images have, without a word."""
    with open(begun[1] / "journal.jsonl", "a", encoding="utf-8") as journal:
        journal.write(line + "\n")
    with pytest.raises(OSError, match=r"journal\.jsonl: is damaged"):
        go_on()
    assert not begun[0].exists()


@pytest.mark.parametrize("kind", ["folder", "fifo", "link"])
def test_what_is_no_file_of_an_extraction(begun, go_on, tmp_path, kind):
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    path = begun[1] / "journal.jsonl"
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(precious)
    with pytest.raises(FileExistsError, match="is no file of an extraction"):
        go_on()
    assert precious.read_bytes() == b"mine"


@pytest.mark.parametrize("ending", [".npz", ""])
def test_a_folder_of_the_same_name_with_other_things(net, folder, tmp_path, ending):
    mine = tmp_path / f"x{ending}.unfinished"
    mine.mkdir()
    (mine / "thesis.txt").write_bytes(b"mine")
    for restart in (False, True):
        with pytest.raises(FileExistsError, match="is a folder of other things"):
            net.write_features(folder, tmp_path / f"x{ending}", "fc6", restart=restart)
    assert (mine / "thesis.txt").read_bytes() == b"mine"
    shutil.rmtree(mine)
    mine.write_bytes(b"a file")
    with pytest.raises(FileExistsError, match="is no folder of an extraction"):
        net.write_features(folder, tmp_path / f"x{ending}", "fc6")
    assert mine.read_bytes() == b"a file"


def test_a_file_among_those_of_an_extraction_stays(begun, go_on):
    (begun[1] / "notes.md").write_bytes(b"mine")
    assert go_on().shapes == {"fc6": (6, 40)}
    assert os.listdir(begun[1]) == ["notes.md"]


@pytest.mark.parametrize("ending", [".npz", ".npy", ".h5", ".parquet", ".mat", ""])
def test_an_output_of_a_shard(net, folder, tmp_path, ending):
    library = {".h5": "h5py", ".parquet": "pyarrow", ".mat": "scipy"}.get(ending)
    if library:
        pytest.importorskip(library)

    def write(**more):
        return net.write_features(
            folder, tmp_path / f"x{ending}", "fc6", on_error="nan", shard=(1, 2), **more
        )

    output = write().output
    assert write().resumed == 3
    holder = Path({".npy": f"{output}.json", "": f"{output}/features.json"}.get(ending, output))
    half = holder.read_bytes()[: holder.stat().st_size // 2]
    for content in (b"", b"junk", half, b"[]", b"{}", b'{"metadata": {"skipped": [3]}}'):
        holder.write_bytes(content)
        with pytest.raises(OSError, match="overwrite=True"):
            write()
        assert holder.read_bytes() == content
    if ending == ".npz":
        np.savez(holder, fc6=np.zeros((3, 40), np.float32))
        with pytest.raises(OSError, match="is not the output of an extraction"):
            write()
    assert write(overwrite=True).resumed == 0


def test_images_of_an_hdf5_file_are_those_that_it_has_now(net, tmp_path):
    """A file that was kept open by its name gave the old images, and could not be written anew."""
    h5py = pytest.importorskip("h5py")
    brick = tmp_path / "brick.h5"
    found = []
    for seed in (0, 1):
        pixels = np.random.default_rng(seed).integers(0, 256, (2, 40, 40, 3)).astype(np.uint8)
        with h5py.File(brick, "w") as file:
            file["images"] = pixels
        output = tmp_path / f"{seed}.npz"
        net.write_features(brick, output, "fc6")
        with np.load(output) as written:
            found.append(written["fc6"])
        np.testing.assert_array_equal(found[-1], net.features(list(pixels), "fc6"))
    assert not np.array_equal(*found)


def test_hdf5_files_that_are_damaged(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "brick.h5"
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros((2, 40, 40, 3), np.uint8)
    good, rng, refused = path.read_bytes(), random.Random(0), 0
    for _ in range(200):
        content = bytearray(good)
        for _ in range(rng.choice([1, 3])):
            content[rng.randrange(3000)] = rng.randrange(256)
        path.write_bytes(content)
        try:
            list(collect(path).sources(0))
        except ImageError:
            refused += 1
    assert refused > 10
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ImageError, match="is no regular file"):
        collect(path)


def test_a_file_that_is_gone_when_it_is_its_turn(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "brick.h5"
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros((2, 40, 40, 3), np.uint8)
    collection = collect(path)
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros((1, 40, 40, 3), np.uint8)
    with pytest.raises(ImageError, match=r"brick\.h5::images\[1\]"):
        list(collection.sources(0))
    path.unlink()
    with pytest.raises(ImageError, match=r"brick\.h5::images\[0\]"):
        list(collection.sources(0))
