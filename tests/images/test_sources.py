"""One image or many."""

from __future__ import annotations

import io
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet_cy.images.sources import is_one_image, sources_of


@pytest.mark.parametrize(
    "images",
    [
        "a.jpg",
        Path("a.jpg"),
        b"bytes",
        bytearray(b"bytes"),
        memoryview(b"bytes"),
        io.BytesIO(b"lines\nof\nbytes"),
        Image.new("RGB", (2, 2)),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((1, 3, 4, 4), np.float32),
        None,
    ],
)
def test_one(images):
    assert is_one_image(images)


@pytest.mark.parametrize(
    "images",
    [["a.jpg"], ("a.jpg",), iter(["a.jpg"]), deque(["a.jpg"]), np.zeros((2, 4, 4, 3), np.uint8)],
)
def test_many(images):
    assert not is_one_image(images)


@pytest.mark.parametrize("images", [{"a.jpg"}, frozenset(), {"a.jpg": 1}])
def test_collections_without_order(images):
    with pytest.raises(TypeError, match=r"images: .* has no order; pass a list"):
        is_one_image(images)


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a.jpg", "b.jpg"]),
        np.array([["a.jpg"], ["b.jpg"]]),
        np.array(["a.jpg", "b.jpg"], dtype=object),
    ],
)
def test_arrays_of_paths(array):
    assert not is_one_image(array)
    assert list(sources_of(array)) == ["a.jpg", "b.jpg"]


def test_arrays_that_are_no_list_of_paths():
    with pytest.raises(ValueError, match=r"need paths in one axis, got an array of \(2, 2\)"):
        sources_of(np.array([["a", "b"], ["c", "d"]]))
    with pytest.raises(TypeError, match="drops the zeros at the end of bytes"):
        sources_of(np.array([b"a"]))
