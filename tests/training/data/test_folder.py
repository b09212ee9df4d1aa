"""Images with a class per folder."""

import os

import pytest
from PIL import Image

from alexnet_cy.errors import ImageError
from alexnet_cy.training import ImageFolder
from alexnet_cy.training.data.parts import TrainingImages


@pytest.fixture
def make_folder(tmp_path):
    """Make files of given names with their names as content."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())
        return tmp_path

    return make


def test_a_folder_is_a_class(make_folder):
    root = make_folder("dog/a.jpg", "cat/b.png", "cat/deep/c.JPEG")
    data = ImageFolder(root)
    assert data.classes == ("cat", "dog")
    found = [(os.path.relpath(s.path, root), s.label) for s in data.samples]
    assert found == [("cat/b.png", 0), ("cat/deep/c.JPEG", 0), ("dog/a.jpg", 1)]
    assert data.counts == {"cat": 2, "dog": 1}
    assert len(data) == 3
    assert "3 images, 2 classes" in repr(data)


def test_the_order_is_natural_or_of_strings(make_folder):
    root = make_folder("10/a.jpg", "2/img10.jpg", "2/img2.jpg", "1/a.jpg")
    data = ImageFolder(root)
    assert data.classes == ("1", "2", "10")
    assert [os.path.basename(s.path) for s in data.samples[1:3]] == ["img2.jpg", "img10.jpg"]
    assert ImageFolder(root, order="string").classes == ("1", "10", "2")


def test_names_that_differ_by_zeros_have_an_order(make_folder):
    assert ImageFolder(make_folder("1/a.jpg", "01/a.jpg", "001/a.jpg")).classes == (
        "001",
        "01",
        "1",
    )


def test_the_file_system_does_not_decide_the_order(make_folder, monkeypatch):
    root = make_folder("a/1.jpg", "a/2.jpg", "b/1.jpg", "c/x/1.jpg", "c/y/1.jpg")
    usual = ImageFolder(root).samples
    listdir, scandir = os.listdir, os.scandir
    monkeypatch.setattr(os, "listdir", lambda path: sorted(listdir(path), reverse=True))

    class Reversed:
        def __init__(self, path):
            with scandir(path) as entries:
                self.entries = iter(sorted(entries, key=lambda e: e.name, reverse=True))

        def __enter__(self):
            return self.entries

        def __exit__(self, *_):
            pass

        def __next__(self):
            return next(self.entries)

        def close(self):
            pass

    monkeypatch.setattr(os, "scandir", Reversed)
    assert ImageFolder(root).samples == usual


def test_hidden_folders_are_no_classes_and_other_files_are_named(make_folder):
    root = make_folder(
        ".ipynb_checkpoints/a.jpg", "a/.b.jpg", "a/a.jpg", "b/b.jpg", "b/note.txt", "loose.jpg"
    )
    data = ImageFolder(root)
    assert data.classes == ("a", "b")
    assert len(data) == 2
    left = {os.path.relpath(entry.path, root): entry.reason for entry in data.left_out}
    assert left == {
        "loose.jpg": "lies in no class's folder",
        "b/note.txt": "is no image by its ending",
    }


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a/a.jpg", "b/note.txt", "c/note.txt"), "no images in 'b', 'c'"),
        (("loose.jpg",), "no folders in it"),
        (("a/a.jpg",), "one class, 'a'"),
        (("train/a/a.jpg", "Val/a/a.jpg"), "parts of a data set"),
    ],
)
def test_a_folder_that_is_no_set_of_classes_is_refused(make_folder, names, message):
    with pytest.raises(ImageError, match=message):
        ImageFolder(make_folder(*names))


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ImageError, match=r"nowhere.*No such file"):
        ImageFolder(tmp_path / "nowhere")


def test_classes_of_another_folder_keep_their_numbers(make_folder):
    root = make_folder("c/a.jpg", "a/a.jpg")
    data = ImageFolder(root, classes=["a", "b", "c"])
    assert data.classes == ("a", "b", "c")
    assert [s.label for s in data.samples] == [0, 2]
    with pytest.raises(ImageError, match="'c' is no class of the network"):
        ImageFolder(root, classes=["a", "b"])


def test_groups_are_what_the_expression_finds(make_folder):
    root = make_folder("a/s1_1.jpg", "a/s1_2.jpg", "b/s2_1.jpg", "b/other.jpg")
    groups = [s.group for s in ImageFolder(root, group_by=r"(s\d)_").samples]
    assert groups == ["s1", "s1", "", "s2"]
    assert ImageFolder(root, group_by=r"s\d_").samples[0].group == "s1_"


@pytest.mark.parametrize(("name", "value"), [("order", "random"), ("group_by", "(")])
def test_wrong_arguments_are_named(make_folder, name, value):
    with pytest.raises(ValueError, match=f"^{name}"):
        ImageFolder(make_folder("a/a.jpg", "b/b.jpg"), **{name: value})


def test_what_is_written_stays_apart_from_the_images(tmp_path):
    """A picture of curves in a folder of images would be an image of a class the next time."""
    for name in ("images/a", "images/b", "val/a"):
        (tmp_path / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name / "1.png")
    (tmp_path / "link").symlink_to(tmp_path / "images")
    images = TrainingImages(tmp_path / "images", tmp_path / "val")
    for name in ("images", "images/run", "images/a", "val/run", "link/run", "beside/../images"):
        with pytest.raises(ValueError, match=r"^out: .* lies in the folder of images"):
            images.check_apart(tmp_path / name, "out")
    for name in ("run", "images-run", "images/../run"):
        images.check_apart(tmp_path / name, "out")
    images.check_apart(None, "out")
