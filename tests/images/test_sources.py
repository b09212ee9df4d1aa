"""One image or many."""

from __future__ import annotations

import io
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet_cy.images.sources import is_one_image


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
