"""The file of measured times: what it keeps, and what it survives."""

import json
import os
import threading
import warnings

import pytest

from alexnet_cy.engine.choice.conv_problem import ConvProblem
from alexnet_cy.engine.tune import tuning_cache
from alexnet_cy.engine.tune.tuning_cache import entry_key, read_times, write_times

CONV3 = ConvProblem(256, 384, (3, 3), (1, 1), 1, (13, 13), reads_images=False)
ABLE = ("winograd", "direct")
TIMES = {"winograd": 1.5, "direct": 3.25}


def key(problem=CONV3, algorithms=ABLE, level="generic", threads=2, batch=1):
    return entry_key(problem, algorithms, level=level, threads=threads, batch=batch)


def test_a_key_tells_apart_all_that_the_times_depend_on(monkeypatch):
    others = [CONV3._replace(**{field: (7, 7)}) for field in CONV3._fields]
    keys = [
        key(),
        *map(key, others),
        key(algorithms=("direct", "im2col")),
        key(level="x86-64-v3"),
        key(threads=1),
        key(batch=2),
    ]
    monkeypatch.setattr(tuning_cache, "__version__", "9.9")
    keys.append(key())
    monkeypatch.setattr(tuning_cache, "processor_name", lambda: "Another")
    keys.append(key())
    assert len(set(keys)) == len(keys) == 14
    assert key() == key()


def test_entries_come_back(tmp_path):
    path = tmp_path / "new" / "folder" / "tuning.json"
    assert read_times(path) == {}
    write_times(path, {"a": TIMES})
    write_times(path, {"b": TIMES, "c": TIMES})
    write_times(path, {"a": {"direct": 2.0}})
    assert read_times(path) == {"b": TIMES, "c": TIMES, "a": {"direct": 2.0}}
    assert list(read_times(path))[-1] == "a"
    assert [file.name for file in path.parent.iterdir()] == ["tuning.json"]


def test_the_oldest_entries_go(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning_cache, "MOST_ENTRIES", 3)
    path = tmp_path / "tuning.json"
    for name in "abcde":
        write_times(path, {name: TIMES})
    assert list(read_times(path)) == ["c", "d", "e"]


def document(**changes):
    return {"format": tuning_cache.FORMAT, "entries": {"a": TIMES}} | changes


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        json.dumps(document()).encode()[:-20],
        json.dumps([document()]).encode(),
        json.dumps(document(format="something else")).encode(),
        json.dumps(document(entries=[1])).encode(),
        json.dumps(document(entries={"a": 1.0})).encode(),
        json.dumps(document(entries={"a": {"direct": "1.0"}})).encode(),
        json.dumps(document(entries={"a": {"direct": -1.0}})).encode(),
        json.dumps(document(entries={"a": {"direct": float("nan")}})).encode(),
        json.dumps(document(entries={"a": {"direct": True}})).encode(),
        b'{"format": ' + b"1" * 10_000 + b"}",
        b" " * (tuning_cache.LARGEST_FILE_BYTES + 1),
    ],
    ids=lambda content: content[:40].decode("latin-1"),
)
def test_another_file_is_named_and_replaced(tmp_path, content):
    path = tmp_path / "tuning.json"
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=r"tuning\.json' has no measured times .* is ignored"):
        assert read_times(path) == {}
    write_times(path, {"b": TIMES})
    assert read_times(path) == {"b": TIMES}


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.warns(UserWarning, match="it is not a file"):
            assert read_times(tmp_path / name) == {}


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    path = tmp_path / "file" / "tuning.json"
    with pytest.warns(UserWarning, match=r"cannot be kept in .*tuning\.json'"):
        write_times(path, {"a": TIMES})


def test_nobody_reads_half_a_file(tmp_path):
    path = tmp_path / "tuning.json"
    entries = {f"{n:0100}": TIMES for n in range(300)}
    write_times(path, entries)

    def write():
        for _ in range(10):
            write_times(path, entries)

    writers = [threading.Thread(target=write) for _ in range(2)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            assert read_times(path) == entries
    for writer in writers:
        writer.join()
    assert [file.name for file in tmp_path.iterdir()] == ["tuning.json"]
