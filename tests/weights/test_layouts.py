"""Orders of axes: each view against the formula, index by index."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from alexnet_cy.weights.layouts import as_stored, hwio, hwio_linear, in_out, tensorflow_layout


def numbered(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def test_convolution():
    weight = numbered(5, 4, 2, 3)
    stored = hwio(weight)
    for o, i, y, x in itertools.product(range(5), range(4), range(2), range(3)):
        assert stored[y, x, i, o] == weight[o, i, y, x]


def test_fully_connected():
    weight = numbered(5, 4)
    stored = in_out(weight)
    for o, i in itertools.product(range(5), range(4)):
        assert stored[i, o] == weight[o, i]


def test_fully_connected_behind_an_image():
    channels, height, width = 4, 2, 3
    weight = numbered(5, channels * height * width)
    stored = hwio_linear(height, width)(weight).reshape(-1, 5)
    for o, c, y, x in itertools.product(range(5), range(channels), range(height), range(width)):
        assert stored[(y * width + x) * channels + c, o] == weight[o, (c * height + y) * width + x]


@pytest.mark.parametrize(
    ("layout", "shape"),
    [(as_stored, (3,)), (hwio, (5, 4, 2, 3)), (in_out, (5, 4)), (hwio_linear(2, 3), (5, 24))],
)
def test_writing_and_reading_are_inverse(layout, shape):
    weight = numbered(*shape)
    written = layout(weight).tobytes()
    read = np.empty(shape, np.float32)
    view = layout(read)
    assert np.shares_memory(view, read)
    view[...] = np.frombuffer(written, np.float32).reshape(view.shape)
    np.testing.assert_array_equal(read, weight)


@pytest.mark.parametrize(
    ("name", "stored", "channels", "canonical", "view"),
    [
        ("conv2.weight", (5, 3, 48, 256), 0, (256, 48, 5, 3), (5, 3, 48, 256)),
        ("fc6.weight", (9216, 4096), 256, (4096, 9216), (6, 6, 256, 4096)),
        ("fc6.weight", (6, 6, 256, 4096), 0, (4096, 9216), (6, 6, 256, 4096)),
        ("fc6.weight", (2, 3, 4, 5), 0, (5, 24), (2, 3, 4, 5)),
        ("fc6.weight", (256, 4096), 256, (4096, 256), (256, 4096)),
        ("fc6.weight", (9216, 4096), 0, (4096, 9216), (9216, 4096)),
        ("fc6.weight", (9217, 4096), 256, (4096, 9217), (9217, 4096)),
        ("fc6.weight", (512, 4096), 256, (4096, 512), (512, 4096)),
        ("fc7.weight", (4096, 4000), 256, (4000, 4096), (4096, 4000)),
        ("fc7.weight", (1, 1, 4096, 4000), 256, (4000, 4096), (1, 1, 4096, 4000)),
        ("fc8.bias", (1000,), 256, (1000,), (1000,)),
        ("conv1.weight", (3, 4), 256, (3, 4), (3, 4)),
        ("conv1.weight", (3, 4, 5), 256, (3, 4, 5), (3, 4, 5)),
        ("fc7.weight", (3, 4, 5), 256, (3, 4, 5), (3, 4, 5)),
    ],
)
def test_what_a_shape_means_in_tensorflows_order(name, stored, channels, canonical, view):
    shape, layout = tensorflow_layout(name, stored, channels)
    assert shape == canonical
    assert layout(np.empty(shape, np.float32)).shape == view
