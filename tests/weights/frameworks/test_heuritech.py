"""The AlexNet of convnets-keras, beside its definition in NumPy."""

from __future__ import annotations

import json

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.seed_files.hdf5 import as_heuritech, as_keras

from alexnet_cy import AlexNet
from alexnet_cy.errors import WeightsError
from alexnet_cy.oracle.network import forward
from alexnet_cy.weights import open_network
from alexnet_cy.weights.hdf5.read import read
from alexnet_cy.weights.trained_on import MEAN_KEY, PRESET_KEY

NETWORK = TINY["heuritech"]


@pytest.fixture
def h5py():
    return pytest.importorskip("h5py")


@pytest.fixture
def path(h5py, tmp_path):
    path = tmp_path / "alexnet_weights.h5"
    with h5py.File(path, "w") as archive:
        as_heuritech(archive, NETWORK, random_tensors(NETWORK))
    return path


def true_convolution(image, kernel, top, left):
    """The sum over y, x of image[top - y, left - x] kernel[y, x], as Theano has it."""
    return sum(
        image[:, top - y, left - x] @ kernel[:, y, x]
        for y in range(kernel.shape[1])
        for x in range(kernel.shape[2])
    )


def test_conv1_is_theanos_convolution_of_the_stored_kernel(h5py, path):
    image = np.random.default_rng(4).standard_normal((3, 95, 95)).astype(np.float32)
    with h5py.File(path) as archive:
        kernel, bias = archive["conv_1/conv_1_W"][()], archive["conv_1/conv_1_b"][()]
    values = AlexNet.load(path).forward(image[None], ["conv1"])["conv1"][0]
    for place in ((0, 0), (5, 7), (23, 23)):
        bottom_right = [4 * index + 2 for index in place]
        for channel in range(4):
            expected = true_convolution(image, kernel[channel], *bottom_right) + bias[channel]
            assert values[(channel, *place)] == pytest.approx(max(0, expected), abs=1e-5)


def test_the_network_is_the_programs(path):
    net = AlexNet.load(path)
    images = np.random.default_rng(5).standard_normal((2, 3, 95, 95)).astype(np.float32)
    expected = forward(NETWORK, random_tensors(NETWORK), images, ["norm2", "fc8"])
    for name, values in net.forward(images, ["norm2", "fc8"]).items():
        limit = 1e-5 * np.abs(expected[name]).max()
        np.testing.assert_allclose(values, expected[name], rtol=0, atol=limit)


def test_images_are_rgb_less_the_programs_mean(path):
    metadata = open_network(path).metadata
    assert metadata[PRESET_KEY] == "caffe-rgb"
    assert json.loads(metadata[MEAN_KEY]) == [123.68, 116.779, 103.939]


def test_another_variant_is_refused(path):
    with pytest.raises(WeightsError, match="describes its network"):
        open_network(path, TINY["caffenet"])


@pytest.mark.parametrize("name", ["conv_4_2/conv_4_2_W", "conv_3/conv_3_b", "dense_2/dense_2_W"])
def test_shapes_that_do_not_belong_together(h5py, path, name):
    with h5py.File(path, "a") as archive:
        shape = archive[name].shape
        del archive[name]
        archive[name] = np.zeros((shape[0] + 1, *shape[1:]), np.float32)
    with pytest.raises(WeightsError, match=name.partition("/")[0] + "|takes|shape|needs"):
        read(path)


def test_keras_on_tensorflow_is_no_theano(h5py, tmp_path):
    network = TINY["caffe"]
    path = tmp_path / "keras.h5"
    with h5py.File(path, "w") as archive:
        as_keras(archive, network, random_tensors(network))
    assert read(path).network is None
