"""Files are replaced whole; links are followed, modes kept, and nothing else is replaced."""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from support.networks import narrow, random_weights

from alexnet_cy import AlexNet
from alexnet_cy.machine.replace_file import move_into_place, replace_file, resolve_output
from alexnet_cy.weights.caffe.mean import write as write_mean
from alexnet_cy.weights.writing import write_network

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes, links and FIFOs of POSIX")

MEAN = np.ones((3, 2, 2), np.float32)


def write_text(path: Path) -> None:
    with replace_file(path) as temporary:
        Path(temporary).write_text("new")


def small_network() -> AlexNet:
    return AlexNet(narrow(), random_weights(narrow()))


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.fixture(params=["FIFO", "socket", "device"])
def no_file(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """What a name may lead to besides a file."""
    path = tmp_path / "out.safetensors"
    if request.param == "FIFO":
        os.mkfifo(path)
        yield path
    elif request.param == "device":
        path.symlink_to(os.devnull)
        yield path
    else:
        with socket.socket(socket.AF_UNIX) as endpoint:
            monkeypatch.chdir(tmp_path)  # the name of a socket may have no more than 107 bytes
            endpoint.bind(path.name)
            yield path


def test_new_file_has_the_mode_that_the_umask_leaves(
    tmp_path: Path, umask: Callable[[int], int]
) -> None:
    for mask, mode in ((0o022, 0o644), (0o077, 0o600), (0o002, 0o664)):
        umask(mask)
        write_text(tmp_path / str(mask))
        assert mode_of(tmp_path / str(mask)) == mode
        saved = tmp_path / f"{mask}.safetensors"
        write_network(saved, "caffe", {"conv1.bias": np.zeros(3, np.float32)})
        assert mode_of(saved) == mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_mode_of_the_file_that_is_replaced(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out"
    path.write_text("old")
    path.chmod(mode)
    write_text(path)
    assert (path.read_text(), mode_of(path)) == ("new", mode)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("target_exists", [True, False])
def test_links_are_followed_and_stay(tmp_path: Path, target_exists: bool) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link, second = tmp_path / "elsewhere" / "real", tmp_path / "link", tmp_path / "second"
    link.symlink_to("elsewhere/real")
    second.symlink_to(link)
    if target_exists:
        target.write_text("old")
    write_text(second)
    assert second.is_symlink()
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "link", "second"]
    assert list(target.parent.iterdir()) == [target]


def test_what_is_no_file_stays(no_file: Path) -> None:
    kind = stat.S_IFMT(no_file.stat().st_mode)
    with pytest.raises(FileExistsError, match="no file may replace it"):
        write_text(no_file)
    for save in (small_network().save, lambda path: write_mean(path, MEAN)):
        with pytest.raises(FileExistsError, match="no file may replace it"):
            save(no_file)
    assert stat.S_IFMT(no_file.stat().st_mode) == kind
    assert list(no_file.parent.iterdir()) == [no_file]


def test_what_comes_to_be_while_the_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "out"

    def write_slowly() -> None:
        with replace_file(path):
            os.mkfifo(path)

    with pytest.raises(FileExistsError, match="is a FIFO"):
        write_slowly()
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert list(tmp_path.iterdir()) == [path]
    other, late = tmp_path / "other", tmp_path / "late"
    other.write_text("new")
    late.write_text("of another process")
    with pytest.raises(FileExistsError, match="exists by now"):
        move_into_place(other, late, overwrite=False)
    assert late.read_text() == "of another process"


def test_names_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_text("")
    for name, error in (
        (".", IsADirectoryError),
        ("none/x", FileNotFoundError),
        ("file/x", NotADirectoryError),
        ("loop", OSError),
        ("x" * 300, OSError),
        ("a\0b", ValueError),
    ):
        with pytest.raises(error):
            write_text(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc/self/fd")
def test_a_file_without_a_name(tmp_path: Path) -> None:
    with open(tmp_path / "gone", "w") as stream:
        (tmp_path / "gone").unlink()
        with pytest.raises(FileNotFoundError, match="without a name"):
            resolve_output(f"/proc/self/fd/{stream.fileno()}")


def test_nothing_stays_of_what_fails(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")

    def fail_halfway() -> None:
        with replace_file(tmp_path / "out") as temporary:
            Path(temporary).write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_the_temporary_name_is_not_to_be_guessed(tmp_path: Path) -> None:
    names = set()
    for _ in range(3):
        with replace_file(tmp_path / "out") as temporary:
            names.add(temporary)
    assert len(names) == 3
