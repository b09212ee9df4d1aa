"""Opening files: what is no weight file is refused before anything of it is believed."""

from __future__ import annotations

import gc
import io
import os
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from alexnet_cy.errors import WeightsError
from alexnet_cy.machine.replace_file import replace_file
from alexnet_cy.weights.files import (
    MAX_FILE_BYTES,
    WeightsFile,
    as_weights_error,
    open_file,
)


@pytest.fixture
def ten_bytes(tmp_path):
    path = tmp_path / "ten"
    path.write_bytes(bytes(range(10)))
    return path


def test_an_opened_file_is_passed_on(ten_bytes):
    opened = open_file(ten_bytes)
    assert open_file(opened) is opened
    assert os.fspath(opened) == str(ten_bytes)
    assert opened.size_bytes == 10


def test_bytes_by_position(ten_bytes):
    opened = open_file(ten_bytes)
    assert opened.read_bytes(3, 4) == bytes((3, 4, 5, 6))
    assert opened.read_bytes(10, 0) == b""
    assert opened.head(4) == bytes(range(4))
    assert opened.head(400) == bytes(range(10))
    target = np.zeros(2, np.uint16)
    opened.read_into(6, target.data)
    assert target.tobytes() == bytes((6, 7, 8, 9))
    opened.read_into(6, np.zeros((0, 3)).data)


@pytest.mark.parametrize(("offset", "count"), [(-1, 2), (0, 11), (9, 2), (11, 0), (0, -1)])
def test_a_range_outside_the_file_is_refused(ten_bytes, offset, count):
    with pytest.raises(WeightsError, match=r"truncated or corrupt: needs .* of a file of 10"):
        open_file(ten_bytes).read_bytes(offset, count)


def test_a_range_outside_the_file_costs_no_memory(ten_bytes):
    opened = open_file(ten_bytes)
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError, match="truncated"):
            opened.read_bytes(0, 1 << 40)
        assert opened.stream().read(1 << 40) == bytes(range(10))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1 << 20


def rewritten(path):
    with open(path, "r+b") as stream:
        stream.write(b"9876543210")


def rewritten_with_its_old_time(path):
    time_ns = os.stat(path).st_mtime_ns
    rewritten(path)
    os.utime(path, ns=(time_ns, time_ns))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (rewritten, "it has been written to, touched or renamed"),
        (rewritten_with_its_old_time, "it has been written to, touched or renamed"),
        (os.utime, "it has been written to, touched or renamed"),
        (lambda path: os.truncate(path, 6), "it had 10 bytes and has 6"),
        (lambda path: os.truncate(path, 11), "it had 10 bytes and has 11"),
    ],
    ids=["rewritten", "with its old time", "touched", "cut", "longer"],
)
@pytest.mark.parametrize("moment", ["before a read", "during a read"])
def test_a_file_that_is_changed_after_it_was_opened_is_refused(
    ten_bytes, change, what, moment, monkeypatch
):
    os.utime(ten_bytes, ns=(10**18, 10**18))
    opened = open_file(ten_bytes)
    assert opened.read_bytes(0, 10) == bytes(range(10))
    if moment == "before a read":
        change(ten_bytes)
    else:
        monkeypatch.setattr(opened, "_read_at", lambda *where: change(ten_bytes) or len(where[1]))
    with pytest.raises(WeightsError, match=f"has been changed since it was opened: {what}"):
        opened.read_bytes(2, 4)
    monkeypatch.undo()
    with pytest.raises(WeightsError, match="has been changed since it was opened"):
        opened.head(1)


def test_a_file_that_gets_other_names_or_rights_stays_itself(ten_bytes, tmp_path):
    opened = open_file(ten_bytes)
    for change in (
        lambda: os.chmod(ten_bytes, 0o400),
        lambda: os.link(ten_bytes, tmp_path / "another name"),
        lambda: os.unlink(ten_bytes),
    ):
        change()
        assert opened.read_bytes(0, 10) == bytes(range(10))
    rewritten(tmp_path / "another name")
    with pytest.raises(WeightsError, match="has been changed since it was opened"):
        opened.head(1)


def test_a_stamp_opens_only_the_file_that_it_was_made_of(ten_bytes):
    stamp = open_file(ten_bytes).stamp
    assert open_file(stamp).head(3) == bytes(range(3))
    os.utime(ten_bytes, ns=(0, 0))
    with pytest.raises(WeightsError, match="gone or has been changed since"):
        open_file(stamp)


def test_a_file_that_is_replaced_after_it_was_opened_stays_itself(ten_bytes, tmp_path):
    opened = open_file(ten_bytes)
    other = tmp_path / "other"
    other.write_bytes(b"something else")
    os.replace(other, ten_bytes)
    assert opened.read_bytes(0, 10) == bytes(range(10))


def test_what_is_no_regular_file_is_refused(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)  # opening it must not wait for a writer
    with pytest.raises(WeightsError, match="not a regular file"):
        open_file(fifo)
    with pytest.raises(WeightsError, match=r"cannot be opened: .*directory"):
        open_file(tmp_path)
    with pytest.raises(WeightsError, match="not a regular file"):
        open_file("/dev/zero")


def test_what_cannot_be_opened_is_refused(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(WeightsError, match="symbolic links") as caught:
        open_file(loop)
    assert isinstance(caught.value.__cause__, OSError)
    with pytest.raises(WeightsError, match="No such file") as caught:
        open_file(tmp_path / "missing")
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    with pytest.raises(WeightsError, match="null"):
        open_file("a\0b")


def test_empty_and_huge_files_are_refused(tmp_path):
    path = tmp_path / "weights"
    path.touch()
    with pytest.raises(WeightsError, match="empty"):
        open_file(path)
    os.truncate(path, MAX_FILE_BYTES + 1)  # a hole, no blocks
    with pytest.raises(WeightsError, match=f"at most {MAX_FILE_BYTES}"):
        open_file(path)


def test_a_file_is_closed_with_its_last_user(ten_bytes):
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    if not os.path.exists("/proc/self/fd"):
        pytest.skip("the open files are counted in /proc")
    gc.collect()
    before = descriptors()
    opened = open_file(ten_bytes)
    stream = opened.stream()
    del opened
    assert descriptors() == before + 1
    assert stream.read() == bytes(range(10))
    del stream
    assert descriptors() == before


def test_a_stream_reads_and_seeks_as_files_do(ten_bytes):
    stream = open_file(ten_bytes).stream()
    plain = io.BytesIO(bytes(range(10)))
    for action in (
        lambda s: s.read(3),
        lambda s: s.seek(-2, os.SEEK_END),
        lambda s: s.read(),
        lambda s: s.read(1),
        lambda s: s.seek(4),
        lambda s: s.seek(1, os.SEEK_CUR),
        lambda s: s.tell(),
        lambda s: s.read(None),
        lambda s: s.seek(20),
        lambda s: s.read(),
    ):
        assert action(stream) == action(plain)
    assert stream.readable()
    assert stream.seekable()
    assert not stream.writable()
    target = bytearray(4)
    stream.seek(8)
    assert stream.readinto(target) == 2
    assert target == b"\x08\x09\0\0"
    with pytest.raises(OSError, match="negative"):
        stream.seek(-1)


def test_a_stream_refuses_to_read_more_at_once_than_it_may(ten_bytes):
    stream = open_file(ten_bytes).stream(max_read_bytes=4)
    assert len(stream.read(4)) == 4
    with pytest.raises(WeightsError, match="at most 4"):
        stream.read()


def test_many_threads_read_one_file(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(np.arange(1 << 16, dtype="<u4").tobytes())
    opened = open_file(path)
    wrong = []

    def read(start: int) -> None:
        for i in range(start, 1 << 16, 257):
            if opened.read_bytes(4 * i, 4) != i.to_bytes(4, "little"):
                wrong.append(i)

    threads = [threading.Thread(target=read, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_message_names_file_and_size(ten_bytes):
    assert repr(WeightsFile(ten_bytes)) == f"WeightsFile({str(ten_bytes)!r}, 10 bytes)"


def test_other_exceptions_become_a_weights_error():
    with pytest.raises(WeightsError, match=r"^the header cannot be read: KeyError: 7$") as caught:
        with as_weights_error("the header"):
            raise KeyError(7)
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(WeightsError, match=r"^as it is$"), as_weights_error("the header"):
        raise WeightsError("as it is")
    with pytest.raises(WeightsError) as caught, as_weights_error("the header"):
        raise ValueError("x" * 10_000)
    assert len(str(caught.value)) < 400


def test_a_file_is_replaced_only_when_it_is_complete(tmp_path):
    path = tmp_path / "weights"
    path.write_text("old")

    def write_half() -> None:
        with replace_file(path) as temporary:
            Path(temporary).write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["weights"]
    with replace_file(path) as temporary:
        Path(temporary).write_text("new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["weights"]


def test_a_directory_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError), replace_file(tmp_path / "no" / "weights") as temporary:
        Path(temporary).touch()
