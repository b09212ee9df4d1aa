"""Interrupted, killed, full: what is done stays, and the result has the same bytes."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import pytest

from alexnet_cy.errors import ImageError
from alexnet_cy.extraction.growing import GrowingRows
from alexnet_cy.extraction.manifest import DifferentJobError
from alexnet_cy.extraction.unfinished import Unfinished

pytestmark = pytest.mark.slow  # killed at every step


class Killed(BaseException):
    """Ends a run at once, with nothing tidied up by hand."""


def watch(patch, kill_at):
    """Count what changes the disk, and raise in place of call number `kill_at`."""
    count = [0]

    def watched(name):
        real = getattr(os, name)

        def call(*arguments, **options):
            count[0] += 1
            if count[0] == kill_at:
                raise Killed
            return real(*arguments, **options)

        patch.setattr(os, name, call)

    for name in ("pwrite", "fsync", "replace", "rename", "link", "unlink", "ftruncate"):
        watched(name)
    # A killed process commits nothing more.
    patch.setattr(Unfinished, "is_even", False)
    return count


@pytest.mark.parametrize("name", ["x.npz", "x.npy", "acts", "x.csv"])
def test_killed_at_every_step(net, folder, tmp_path, small_batches, name):
    layers = ["fc7"] if name == "x.npy" else ["fc7", "pool5"]
    options = {"pool": "mean"}
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        count = watch(patch, None)
        net.write_features(folder, tmp_path / "1" / name, layers, **options)
    expected = contents(tmp_path / "1")
    for kill_at in range(1, count[0] + 1, 3):
        with pytest.MonkeyPatch.context() as patch:
            watch(patch, kill_at)
            with pytest.raises(Killed):
                net.write_features(folder, tmp_path / "2" / name, layers, **options)
        try:
            net.write_features(folder, tmp_path / "2" / name, layers, **options)
        except FileExistsError:
            assert contents(tmp_path / "2") == expected, "complete, and only to be left alone"
        assert contents(tmp_path / "2") == expected, f"killed at {kill_at}"
        for path in sorted((tmp_path / "2").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def interrupt(net, folder, output, at_batch=3, **options):
    with pytest.MonkeyPatch.context() as patch:
        append, calls = Unfinished.append, 0

        def interrupted(self, *arguments):
            nonlocal calls
            calls += 1
            if calls == at_batch:
                raise KeyboardInterrupt
            append(self, *arguments)

        patch.setattr(Unfinished, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            net.write_features(folder, output, **options)


def test_every_part_is_valid_meanwhile(net, folder, tmp_path, small_batches):
    interrupt(net, folder, tmp_path / "x.npz")
    unfinished = tmp_path / "x.npz.unfinished"
    assert sorted(os.listdir(unfinished)) == ["fc7.npy", "journal.jsonl", "manifest.json"]
    expected = net.features([folder / f"img{i}.png" for i in (0, 1, 2)], "fc7")
    np.testing.assert_array_equal(np.load(unfinished / "fc7.npy"), expected)
    manifest = json.loads((unfinished / "manifest.json").read_text())
    for key in ("weights_sha256", "preset", "layers", "alexnet_cy", "list_sha256", "isa"):
        assert manifest[key]
    reports = []
    written = net.write_features(
        folder, tmp_path / "x.npz", progress=lambda *done: reports.append(done)
    )
    assert written.resumed == 4
    assert reports == [(6, 7), (7, 7)]
    assert not unfinished.exists()


def test_a_journal_that_is_cut_off(net, folder, tmp_path, small_batches):
    net.write_features(folder, tmp_path / "1.npz")
    interrupt(net, folder, tmp_path / "2.npz")
    journal = tmp_path / "2.npz.unfinished" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-9])
    assert net.write_features(folder, tmp_path / "2.npz").resumed == 2
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"layers": "fc6"}, "layers"),
        ({"preset": "warp"}, "preset"),
        ({"pool": "max"}, "pool"),
        ({"dtype": "float16"}, "dtype"),
        ({"on_error": "nan"}, "on_error"),
        ({"mean": (1, 2, 3)}, "mean"),
    ],
)
def test_another_job_is_an_error(net, folder, tmp_path, small_batches, change, named):
    interrupt(net, folder, tmp_path / "x.npz")
    before = contents(tmp_path)
    with pytest.raises(DifferentJobError, match=rf"is of another job \(.*{named}: .*delete that"):
        net.write_features(folder, tmp_path / "x.npz", **change)
    assert contents(tmp_path) == before
    assert net.write_features(folder, tmp_path / "x.npz", **change, restart=True).resumed == 0


def test_other_images_are_another_job(net, folder, tmp_path, small_batches):
    interrupt(net, folder, tmp_path / "x.npz")
    (folder / "img6.png").rename(folder / "img7.png")
    with pytest.raises(DifferentJobError, match="list_sha256"):
        net.write_features(folder, tmp_path / "x.npz")


def test_rows_that_are_gone(net, folder, tmp_path, small_batches):
    interrupt(net, folder, tmp_path / "x.npz")
    rows = tmp_path / "x.npz.unfinished" / "fc7.npy"
    os.truncate(rows, 300)
    with pytest.raises(OSError, match="has fewer rows than its journal says; delete the folder"):
        net.write_features(folder, tmp_path / "x.npz")


def test_two_processes(net, folder, tmp_path, small_batches):
    interrupt(net, folder, tmp_path / "x.npz")
    manifest = json.loads((tmp_path / "x.npz.unfinished" / "manifest.json").read_text())
    first = Unfinished(str(tmp_path / "x.npz.unfinished"), manifest, {"fc7": (40,)}, "float32")
    with first, pytest.raises(BlockingIOError, match="another process is writing it"):
        net.write_features(folder, tmp_path / "x.npz")
    assert net.write_features(folder, tmp_path / "x.npz").resumed == 4


def test_a_full_disk(net, folder, tmp_path, small_batches, monkeypatch):
    append = GrowingRows.append

    def full(self, rows):
        if self.n_rows >= 3:
            raise OSError(errno.ENOSPC, "No space left on device", self.path)
        append(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(GrowingRows, "append", full)
        with pytest.raises(OSError, match=r"is done is kept in .*x\.npz\.unfinished") as caught:
            net.write_features(folder, tmp_path / "x.npz")
    assert caught.value.errno == errno.ENOSPC
    assert net.write_features(folder, tmp_path / "x.npz").resumed == 4


def test_a_disk_that_is_too_small(net, folder, tmp_path, monkeypatch):
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 9, 1000))
    with pytest.raises(OSError, match=r"needs 2\.2 kB on the disk and 1\.0 kB are free"):
        net.write_features(folder, tmp_path / "x.npz")
    assert os.listdir(tmp_path) == ["images"]


def test_stop_at_a_bad_image(net, folder, tmp_path, small_batches):
    with pytest.raises(ImageError, match=r"images\[3\]"):
        net.write_features(folder, tmp_path / "x.npz", on_error="raise")
    assert np.load(tmp_path / "x.npz.unfinished" / "fc7.npy").shape == (2, 40)


def test_shards_give_the_rows_of_the_whole(net, folder, tmp_path):
    whole = net.write_features(folder, tmp_path / "x.npz")
    rows, names = [], []
    for i in range(1, 10):  # more shards than images: some have none
        written = net.write_features(folder, tmp_path / "x.npz", shard=(i, 9))
        assert written.output == str(tmp_path / f"x-{i}-of-9.npz")
        with np.load(written.output) as archive:
            rows.append(archive["fc7"])
            names += archive["files"].tolist()
    with np.load(whole.output) as archive:
        np.testing.assert_array_equal(np.concatenate(rows), archive["fc7"])
        assert names == archive["files"].tolist()
    with pytest.raises(DifferentJobError, match="overwrite=True"):
        net.write_features(folder, tmp_path / "x.npz", shard=(1, 9), pool="max", preset="warp")
    with pytest.raises(TypeError, match=r"shard: need \(number, count\), got 3"):
        net.write_features(folder, tmp_path / "x.npz", shard=3)


def test_an_existing_output(net, folder, tmp_path):
    for name in ("x.npz", "acts"):
        net.write_features(folder, tmp_path / name)
        with pytest.raises(FileExistsError, match="overwrite=True"):
            net.write_features(folder, tmp_path / name)
        net.write_features(folder, tmp_path / name, overwrite=True)
    assert sorted(os.listdir(tmp_path)) == ["acts", "images", "x.npz"]
    with pytest.raises(FileExistsError, match="is a folder of other things"):
        net.write_features(folder, folder, overwrite=True)
