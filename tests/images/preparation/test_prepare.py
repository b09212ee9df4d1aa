"""Pixels and a table in place of floats: the same bits as preprocess, a quarter of the memory."""

import numpy as np
import pytest

from alexnet_cy.contracts.pixel_batch import PixelBatch
from alexnet_cy.errors import ImageError
from alexnet_cy.images import PRESETS, get_preset, prepare, preprocess


@pytest.mark.parametrize("preset", PRESETS)
def test_the_bits_of_preprocess(picture, preset):
    images = [picture(270, 300), picture(61, 40).convert("L")]
    pixels, floats = prepare(images, preset), preprocess(images, preset)
    assert isinstance(pixels, PixelBatch)
    assert pixels.shape == floats.shape
    assert len(pixels) == 2 * get_preset(preset).views
    np.testing.assert_array_equal(pixels.as_floats().view(np.int32), floats.view(np.int32))
    np.testing.assert_array_equal(pixels[1:2].as_floats(), floats[1:2])


def test_a_mean_of_three_numbers_and_another_size(picture):
    image = picture(100, 90)
    settings = {"mean": (1.5, 100, 200.25), "input_size": (65, 64)}
    np.testing.assert_array_equal(
        prepare(image, **settings).as_floats(), preprocess(image, **settings)
    )


def test_a_per_pixel_mean_gives_floats(picture):
    mean = np.random.default_rng(0).uniform(90, 120, (3, 256, 256)).astype(np.float32)
    floats = prepare([picture(300, 280)] * 2, "caffe-10crop", mean=mean)
    np.testing.assert_array_equal(
        floats, preprocess([picture(300, 280)] * 2, "caffe-10crop", mean=mean)
    )


def test_batches_are_joined(picture):
    parts = [prepare(picture(side, 50), "warp") for side in (40, 50, 60)]
    together = preprocess([picture(side, 50) for side in (40, 50, 60)], "warp")
    np.testing.assert_array_equal(PixelBatch.join(parts).as_floats(), together)


def test_no_images():
    assert prepare([]).shape == (0, 3, 227, 227)


def test_errors_say_which_image(picture, tmp_path):
    with pytest.raises(ImageError, match=r"images\[1\]: '.*gone\.jpg': No such file"):
        prepare([picture(20, 20), tmp_path / "gone.jpg"])
