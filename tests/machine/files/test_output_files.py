"""Outputs are told from inputs, and from each other, by what they are."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from alexnet_cy.machine.output_files import check_outputs


def test_what_may_be_written(tmp_path: Path) -> None:
    (tmp_path / "read").write_text("")
    (tmp_path / "old").write_text("")
    new = tmp_path / "new"
    assert check_outputs([new], [tmp_path / "read", tmp_path / "none", "1,2,3", "a\0b"]) == []
    assert check_outputs([new, tmp_path / "old"]) == [str(tmp_path / "old")]
    assert check_outputs([new], [new]) == []  # there is no such file to be read


@pytest.mark.skipif(sys.platform == "win32", reason="links of POSIX")
@pytest.mark.parametrize("how", ["name", "other name", "symlink", "hard link", "symlinked folder"])
def test_what_is_read_under_any_name(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    read = folder / "read"
    read.write_text("")
    outputs = {
        "name": read,
        "other name": folder / ".." / "folder" / "read",
        "symlink": tmp_path / "symlink",
        "hard link": tmp_path / "hard",
        "symlinked folder": tmp_path / "other" / "read",
    }
    (tmp_path / "symlink").symlink_to(read)
    os.link(read, tmp_path / "hard")
    (tmp_path / "other").symlink_to(folder)
    with pytest.raises(FileExistsError, match="is also read"):
        check_outputs([tmp_path / "first", outputs[how]], [tmp_path / "x", read])


def test_one_file_twice(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("")
    for name in ("old", "new"):
        with pytest.raises(FileExistsError, match="written twice"):
            check_outputs([tmp_path / name, tmp_path / ".." / tmp_path.name / name])


def test_a_folder_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="is a folder"):
        check_outputs([tmp_path])
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        check_outputs([tmp_path / "none" / "x"])


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        check_outputs([tmp_path / "x"])
    tmp_path.chmod(0o700)
