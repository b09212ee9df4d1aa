"""What LPIPS takes, and how it refuses the rest."""

import io

import numpy as np
import pytest
from PIL import Image
from support.perceptual import random_images

from alexnet_cy import ImageError

A, B = random_images(0, 2, 40, 44)


def floats(image, low, high):
    return (image / 255 * (high - low) + low).astype(np.float32)


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "png")
    return file.getvalue()


def test_files_and_images(metric, tmp_path):
    expected = metric(A, B)
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path, image in zip(paths, (A, B), strict=True):
        path.write_bytes(png(image))
    assert metric(*paths) == metric(*map(str, paths)) == expected
    assert metric(Image.fromarray(A), png(B)) == expected
    assert metric(np.array([str(paths[0])]), [B]).tolist() == [expected]


@pytest.mark.parametrize("data_range", [(0, 1), (-1, 1), (0, 255), (0.0, 255.0)])
def test_floats(metric, data_range):
    expected = metric(A, B)
    a, b = floats(A, *data_range), floats(B, *data_range)
    for x, y in ((a, b), (a.transpose(2, 0, 1), b.transpose(2, 0, 1)), (a.astype(float), b)):
        assert metric(x, y, data_range=data_range) == pytest.approx(expected, rel=1e-5)
    batch = metric(a[None].transpose(0, 3, 1, 2), b[None], data_range=data_range)
    assert batch.tolist() == [metric(a, b, data_range=data_range)]


def test_bytes_of_any_layout_in_memory(metric):
    expected = metric(A, B)
    assert metric(np.asfortranarray(A), B[::-1][::-1]) == expected
    assert metric(A[:, :, [0]], B) == metric(A[:, :, 0], B)
    assert metric(A[:, :, [0]], B) == metric(A[:, :, [0, 0, 0]], B)


def test_floats_beside_bytes(metric):
    assert metric([A], [floats(B, 0, 1)], data_range=(0, 1))[0] == pytest.approx(metric(A, B))


class OfAnotherLibrary:
    """An array as PyTorch has them: no ndarray, but it makes one."""

    def __init__(self, values):
        self.values = values
        self.ndim, self.dtype, self.shape = values.ndim, "another", values.shape

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __iter__(self):
        return map(OfAnotherLibrary, self.values)


def test_arrays_of_other_libraries(metric):
    a, b = floats(A, 0, 1).transpose(2, 0, 1), floats(B, 0, 1).transpose(2, 0, 1)
    expected = metric(a, b, data_range=(0, 1))
    assert metric(OfAnotherLibrary(a), OfAnotherLibrary(b), data_range=(0, 1)) == expected
    batches = OfAnotherLibrary(a[None]), OfAnotherLibrary(b[None])
    assert metric(*batches, data_range=(0, 1)).tolist() == [expected]


def test_no_pairs(metric):
    found = metric.compare([], [], maps=True)
    assert found.distance.shape == (0,)
    assert found.layers.shape == (0, 5)
    assert len(found.map) == 0
    assert list(metric.iter_all_pairs([])) == list(metric.iter_neighbours([])) == []


@pytest.mark.parametrize(
    ("a", "b", "settings", "error", "message"),
    [
        (floats(A, 0, 1), B, {}, TypeError, r"a: floats need data_range=.*from 0\.\d+ to 0\.\d+"),
        (floats(A, 0, 2), B, {"data_range": (0, 1)}, ValueError, "a: values go from .* outside"),
        (A, floats(B, -1, 1), {"data_range": (0, 1)}, ValueError, r"b: values go from .*\(0, 1\)"),
        (A * np.float32("nan"), B, {"data_range": (0, 1)}, ValueError, "a: values go from nan"),
        (A, B, {"data_range": 255}, TypeError, r"data_range: need \(low, high\).*got 255"),
        (A, B, {"data_range": (1, 0)}, ValueError, "data_range: need .* low < high"),
        (A, B, {"data_range": (0, np.inf)}, ValueError, "data_range: need finite"),
        (A, B, {"threads": 0}, ValueError, "threads"),
        (A.astype(int), B, {}, TypeError, "a: need an image file.*got int64"),
        (A, B[1:], {}, ValueError, r"a, b: images of 40 x 44 and 39 x 44 pixels"),
        (A[:30], B[:30], {}, ValueError, "30x44 image.*smallest square image is 31x31"),
        (A[None], [B, B], {}, ValueError, "a, b: a has 1 images and b has more"),
        (A, 3.5, {}, TypeError, "b: float is not an image"),
        (
            np.zeros((1, 40, 44), np.float32),
            B,
            {"data_range": (0, 1)},
            ValueError,
            r"a: need \(3, H, W\) or \(H, W, 3\).*repeat one channel",
        ),
        ("nowhere.png", B, {}, ImageError, "a.*nowhere.png.*No such file"),
        ([A, "nowhere.png"], [B, B], {}, ImageError, r"a\[1\]: .*nowhere.png"),
        ({"a": A}, [B], {}, TypeError, "no order"),
    ],
)
def test_refused(metric, a, b, settings, error, message):
    with pytest.raises(error, match=message):
        metric(a, b, **settings)


def test_errors_do_not_end_a_stream(metric):
    found = list(metric.iter_compare([A, "nowhere.png", A, A], [B, B, B[1:], B]))
    assert [(r.a, r.b) for r in found] == [(i, i) for i in range(4)]
    assert found[0].comparison.distance == found[3].comparison.distance == metric(A, B)
    assert found[1].comparison is found[2].comparison is None
    assert "nowhere.png" in found[1].error
    assert "resize or crop" in found[2].error
    neighbours = list(metric.iter_neighbours([A, B, "nowhere.png", A, B]))
    assert [(r.a, r.b, bool(r.error)) for r in neighbours] == [
        (0, 1, False),
        (2, 2, True),
        (3, 4, False),
    ]
    pairs = list(metric.iter_all_pairs([A, "nowhere.png", B, B[1:]]))
    assert [(r.a, r.b, bool(r.error)) for r in pairs] == [
        (1, 1, True),
        (0, 2, False),
        (0, 3, True),
        (2, 3, True),
    ]
