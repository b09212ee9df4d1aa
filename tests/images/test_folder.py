"""Finding images below folders."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from alexnet_cy.errors import ImageError
from alexnet_cy.images import decode, find_images
from alexnet_cy.images.folder import EXTENSIONS, natural_key, search_images


@pytest.fixture
def tree(tmp_path) -> Path:
    for name in (
        "b.jpg",
        "a.PNG",
        "notes.txt",
        "jpg",
        ".hidden.jpg",
        "._resource.jpg",
        "z/c.webp",
        "z/y/d.gif",
        "m/e.JPEG",
        ".cache/f.jpg",
        "empty/readme.md",
        "[x]*?/g.bmp",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def relative(paths: list[Path], root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in paths]


def test_a_folder_is_searched_in_a_fixed_order(tree):
    expected = ["a.PNG", "b.jpg", "[x]*?/g.bmp", "m/e.JPEG", "z/c.webp", "z/y/d.gif"]
    assert relative(find_images(tree), tree) == expected
    assert relative(find_images([str(tree)]), tree) == expected


def test_files_are_kept_as_they_are_and_in_order(tree):
    paths = [tree / "notes.txt", tree / "z", tree / "missing.jpg", tree / ".hidden.jpg"]
    assert relative(find_images(paths), tree) == [
        "notes.txt",
        "z/c.webp",
        "z/y/d.gif",
        "missing.jpg",
        ".hidden.jpg",
    ]


def test_nothing_is_expanded(tree):
    assert find_images(str(tree / "*.jpg")) == [tree / "*.jpg"]
    assert relative(find_images(tree / "[x]*?"), tree) == ["[x]*?/g.bmp"]


def test_folders_without_images_and_no_paths(tree):
    assert find_images(tree / "empty") == []
    assert find_images([]) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege")
def test_links(tree):
    (tree / "z" / "up").symlink_to(tree)
    (tree / "z" / "link.jpg").symlink_to(tree / "b.jpg")
    assert relative(find_images(tree / "z"), tree) == ["z/c.webp", "z/link.jpg", "z/y/d.gif"]


def test_a_folder_that_cannot_be_listed_is_an_error(tree, monkeypatch):
    def failing_scan(path):
        raise PermissionError(13, "Permission denied", os.fspath(path))

    monkeypatch.setattr(os, "scandir", failing_scan)
    with pytest.raises(ImageError, match=r"Permission denied"):
        find_images(tree)


def test_every_extension_is_of_a_format_that_is_read():
    from PIL import Image

    from alexnet_cy.images.decoding.files import FORMATS

    Image.init()
    formats = {Image.EXTENSION[extension] for extension in EXTENSIONS}
    assert formats <= {*FORMATS, "MPO", "TIFF"}


def test_mpo_is_read_as_the_jpeg_that_it_is(tmp_path, encode, picture):
    path = tmp_path / "a.mpo"
    frames = {"save_all": True, "append_images": [picture(16, 8)]}
    path.write_bytes(encode(picture(16, 8), "MPO", **frames))
    assert decode(path).size == (16, 8)


def test_what_is_left_out_is_named(tree):
    (tree / "a link").symlink_to(tree / "z")
    (tree / "nothing").mkdir()
    found = search_images(tree)
    assert found.paths == [str(path) for path in find_images(tree)]
    left_out = {str(Path(path).relative_to(tree)): reason for path, reason in found.left_out}
    assert left_out == {
        "notes.txt": "not the ending of an image",
        "jpg": "not the ending of an image",
        "empty/readme.md": "not the ending of an image",
        ".hidden.jpg": "hidden",
        "._resource.jpg": "hidden",
        ".cache": "hidden",
        "a link": "a link to a folder",
        "nothing": "an empty folder",
    }


def test_natural_order(tmp_path):
    for name in ("img10.png", "img2.png", "img02.png", "img1/b.png", "img1/a.png", "img.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = ["img.png", "img02.png", "img2.png", "img10.png", "img1/a.png", "img1/b.png"]
    assert relative(find_images(tmp_path, order="natural"), tmp_path) == names
    assert relative(find_images(tmp_path), tmp_path)[:2] == ["img.png", "img02.png"]
    assert sorted(["b", "a10", "a9", "10", "9"], key=natural_key) == ["9", "10", "a9", "a10", "b"]
    with pytest.raises(ValueError, match="order: need 'name' or 'natural', got 'size'"):
        find_images(tmp_path, order="size")
