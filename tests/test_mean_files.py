"""A mean image of Caffe's as the mean argument."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet_cy import AlexNet
from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.caffe import mean as binaryproto
from alexnet_cy.weights.caffe.mean import read_mean


@pytest.fixture(scope="module")
def net() -> AlexNet:
    return AlexNet.random("caffe", num_classes=3)


@pytest.fixture
def mean_image() -> np.ndarray:
    return np.random.default_rng(0).uniform(90, 130, (3, 256, 256)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mean.binaryproto", "mean.BinaryProto"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_as_good_as_its_array(net, mean_image, tmp_path, name, kind):
    binaryproto.write(tmp_path / name, mean_image)
    image = Image.new("RGB", (300, 200), (200, 100, 50))
    expected = net.preprocess(image, mean=mean_image)
    np.testing.assert_array_equal(net.preprocess(image, mean=kind(tmp_path / name)), expected)
    assert not np.array_equal(net.preprocess(image), expected)
    (prediction,) = net.classify(image, 1, mean=kind(tmp_path / name))
    assert prediction == net.classify(image, 1, mean=mean_image)[0]


def test_what_is_no_mean_image_is_refused(net, tmp_path):
    path = tmp_path / "mean.binaryproto"
    path.write_bytes(b"\x0a\x07AlexNet")
    with pytest.raises(WeightsError, match=r"mean\.binaryproto"):
        net.preprocess(Image.new("RGB", (30, 30)), mean=path)


@pytest.mark.parametrize("mean", [None, (1, 2, 3), "mean.npy", Path("mean.npy")])
def test_any_other_mean_is_left_alone(mean):
    assert read_mean(mean) is mean
