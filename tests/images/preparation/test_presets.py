"""The presets are data, immutable, and cannot hold nonsense."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from alexnet_cy.errors import ImageError
from alexnet_cy.images import PRESETS, get_preset, preprocess


def test_names():
    assert list(PRESETS) == [
        "caffe",
        "caffe-10crop",
        "caffe-rgb",
        "warp",
        "torchvision",
        "torchvision-10crop",
        "torchvision-warp",
        "darknet",
    ]
    assert all(preset.name == name for name, preset in PRESETS.items())
    assert len({preset.title for preset in PRESETS.values()}) == len(PRESETS)


def test_views_and_input_sizes():
    figures = {name: (preset.views, preset.crop_size) for name, preset in PRESETS.items()}
    assert figures == {
        "caffe": (1, (227, 227)),
        "caffe-10crop": (10, (227, 227)),
        "caffe-rgb": (1, (227, 227)),
        "warp": (1, (227, 227)),
        "torchvision": (1, (224, 224)),
        "torchvision-10crop": (10, (224, 224)),
        "torchvision-warp": (1, (224, 224)),
        "darknet": (1, (227, 227)),
    }


def test_presets_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        PRESETS["caffe"].divisor = 255.0
    with pytest.raises(TypeError):
        PRESETS["mine"] = PRESETS["caffe"]


def test_the_caffe_mean_is_that_of_the_published_mean_image(shared):
    mean_image = np.load(shared / "imagenet" / "ilsvrc_2012_mean.npy")
    np.testing.assert_allclose(PRESETS["caffe"].mean, mean_image.mean((1, 2)), rtol=0, atol=5e-9)


def test_get_preset():
    assert get_preset("warp") is PRESETS["warp"]
    variation = replace(PRESETS["caffe"], channel_order="RGB")
    assert get_preset(variation) is variation
    with pytest.raises(ValueError, match="preset: unknown name 'cafe'; expected one of caffe, "):
        get_preset("cafe")
    with pytest.raises(TypeError, match="preset: expected a name or a Preset, got NoneType"):
        get_preset(None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resize": "stretch"}, "resize: expected one of"),
        ({"resampling": "bicubic"}, "resampling: expected one of"),
        ({"crops": 10}, "crops: expected one of"),
        ({"crop_rounding": "up"}, "crop_rounding: expected one of"),
        ({"channel_order": "bgr"}, "channel_order: expected one of"),
        ({"resize_size": 226}, "crop_size: .* does not fit into resize_size 226"),
        ({"resize": "short-side", "resize_size": None}, "resize_size: .* needs a size"),
        ({"crop_size": (0, 5)}, "crop_size: expected at least 1"),
        ({"mean": (1.0, 2.0)}, "mean: expected 3 finite"),
        ({"mean": (1.0, 2.0, float("nan"))}, "mean: expected 3 finite"),
        ({"std": (1.0, 0.0, 1.0)}, "std: expected positive"),
        ({"divisor": 0.0}, "divisor: expected a positive"),
        ({"divisor": float("inf")}, "divisor: expected a positive"),
    ],
)
def test_impossible_presets(change, message):
    with pytest.raises(ValueError, match=message):
        replace(PRESETS["caffe"], **change)


@pytest.mark.parametrize("size", [200, np.int64(200), (200, 200), [200, 200]])
def test_with_input_size(size):
    assert PRESETS["caffe"].with_input_size(size).crop_size == (200, 200)


@pytest.mark.parametrize("size", [0, -3, (0, 5)])
def test_input_size_must_be_positive(size):
    with pytest.raises(ValueError, match="input_size: expected at least 1 pixel"):
        PRESETS["warp"].with_input_size(size)


@pytest.mark.parametrize("size", [2.5, "227", None, (1,), (1, 2, 3), (1.5, 2)])
def test_input_size_must_be_integers(size):
    with pytest.raises(TypeError, match=r"input_size: expected an int or \(height, width\)"):
        PRESETS["warp"].with_input_size(size)


@pytest.mark.parametrize("name", ["caffe", "caffe-10crop", "torchvision", "torchvision-10crop"])
def test_input_size_must_fit_into_the_resized_image(name):
    assert PRESETS[name].with_input_size(256).crop_size == (256, 256)
    with pytest.raises(ValueError, match="input_size: 300 x 10 does not fit into the 256 pixels"):
        PRESETS[name].with_input_size((300, 10))


def test_as_is(tmp_path):
    preset = PRESETS["caffe"].as_is().with_input_size((40, 50))
    assert preset.suits_weights_of(PRESETS["caffe"])
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3)).astype(np.uint8)
    x = preprocess(image, preset)
    mean = np.array(PRESETS["caffe"].mean, np.float32).reshape(3, 1, 1)
    np.testing.assert_array_equal(x[0], image.transpose(2, 0, 1)[::-1].astype(np.float32) - mean)
    message = r"41 x 50 pixels \(height x width\): preset 'as-is' takes images of 40 x 50"
    with pytest.raises(ImageError, match=message):
        preprocess(np.zeros((41, 50, 3), np.uint8), preset)
    with pytest.raises(ValueError, match="'none' has no resize_size, and one view"):
        replace(PRESETS["caffe"], resize="none")
