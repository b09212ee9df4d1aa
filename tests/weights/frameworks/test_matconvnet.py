"""MatConvNet: what the tests of all formats do not say."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.seed_files.matconvnet import MEAN, cells, layers_of, row, variables

from alexnet_cy import AlexNet
from alexnet_cy.errors import WeightsError
from alexnet_cy.network.specs import Linear
from alexnet_cy.oracle.network import forward
from alexnet_cy.weights import open_network
from alexnet_cy.weights.frameworks.matconvnet import read
from alexnet_cy.weights.frameworks.matlab import MAX_EXPANDED_BYTES
from alexnet_cy.weights.trained_on import CLASSES_KEY, MEAN_KEY, PRESET_KEY

CAFFE = TINY["caffe"]
HEADER = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.mat"


@pytest.fixture
def save(path):
    savemat = pytest.importorskip("scipy.io").savemat

    def save_layers(layers, **options):
        savemat(path, variables(CAFFE, layers), **options)
        return path

    return save_layers


def test_the_network_is_that_of_the_file(save):
    tensors = random_tensors(CAFFE)
    net = AlexNet.load(save(layers_of(CAFFE, tensors)))
    images = np.random.default_rng(1).standard_normal((2, 3, 47, 47), np.float32)
    expected = forward(CAFFE, tensors, images, ["conv5", "fc8"])
    found = net.forward(images, ["conv5", "fc8"])
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=0, atol=1e-5 * np.abs(values).max())


def test_images_and_classes_are_those_of_the_file(save):
    metadata = read(save(layers_of(CAFFE, random_tensors(CAFFE)))).metadata
    assert metadata[PRESET_KEY] == "caffe-rgb"
    assert json.loads(metadata[MEAN_KEY]) == list(MEAN)
    assert json.loads(metadata[CLASSES_KEY]) == ["class 0", "class 1", "class 2"]


def test_batch_normalisation_is_folded(save):
    tensors = random_tensors(CAFFE)
    generator = np.random.default_rng(3)
    gain, shift, mean, deviation = generator.uniform(0.5, 2, (4, 4))
    layers = layers_of(CAFFE, tensors)
    moments = np.stack([mean, deviation], 1)
    norm = {
        "type": "bnorm",
        "name": "bn1",
        "weights": cells(gain[:, None], shift[:, None], moments),
    }
    found = read(save([layers[0], norm, *layers[1:]])).tensors
    factor = gain / deviation
    weight = tensors["conv1.weight"] * factor[:, None, None, None]
    np.testing.assert_allclose(found["conv1.weight"].read(), weight, rtol=1e-6)
    bias = (tensors["conv1.bias"] - mean) * factor + shift
    np.testing.assert_allclose(found["conv1.bias"].read(), bias, rtol=1e-6, atol=1e-7)


def test_biases_that_matlab_stores_as_bytes(save):
    tensors = random_tensors(CAFFE)
    layers = layers_of(CAFFE, tensors)
    filters = np.einsum("oihw->hwio", tensors["conv1.weight"])
    layers[0]["weights"] = cells(filters, np.array([[0, 1, 2, 3]], np.uint8))
    assert read(save(layers)).tensors["conv1.bias"].read().tolist() == [0, 1, 2, 3]


def test_layers_before_the_head_alone(save):
    trunk = [layer for layer in CAFFE.layers if not isinstance(layer, Linear)][:-1]
    network = replace(CAFFE, layers=tuple(trunk), parameters=None)
    opened = open_network(save(layers_of(network, random_tensors(network))))
    assert [layer.name for layer in opened.variant.layers][-1] == "pool5"


def change(name, **settings):
    def changed(layers):
        return [layer | settings if layer["name"] == name else layer for layer in layers]

    return changed


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (change("relu1", leak=0.1), "leak is 0.1, not 0"),
        (change("norm1", param=row(4, 1, 1, 1)), "the size 4, which is not odd"),
        (change("norm1", param=row(5, 1)), "not enough values"),
        (change("pool1", method="sum"), "method is 'sum'"),
        (change("pool1", stride=row(0.5)), "stride is 0.5"),
        (change("conv2", pad=row(1, 2)), "pad has 2 numbers"),
        (change("conv2", dilate=row(2)), "dilate is not 1"),
        (change("conv2", weights=cells("x", "y")), "must be filters and biases"),
        (change("conv2", weights=cells()), "must be filters and biases"),
        (change("conv2", weights=cells(np.zeros((3, 3, 3, 4)), row(0))), "3 channels of an image"),
        (change("relu2", type="sigmoid"), "of type 'sigmoid', which no AlexNet has"),
        (change("conv1", type="dagnn.Conv"), "a DagNN network"),
        (lambda layers: [], "no network that begins with a convolution"),
    ],
)
def test_layers_that_are_not_computed(save, changed, message):
    layers = changed(layers_of(CAFFE, random_tensors(CAFFE)))
    with pytest.raises(WeightsError, match=message):
        read(save(layers))


def test_another_variant_than_the_files_is_refused(save):
    path = save(layers_of(CAFFE, random_tensors(CAFFE)))
    with pytest.raises(WeightsError, match="describes its network"):
        open_network(path, TINY["caffenet"])


def matrix(name=b"layers", kind=1, axes=(1, 1), content=b""):
    flags = struct.pack("<IIII", 6, 8, kind, 0)
    data = flags + struct.pack("<II", 5, 4 * len(axes)) + struct.pack(f"<{len(axes)}i", *axes)
    data += struct.pack("<II", 1, len(name)) + name.ljust((len(name) + 7) // 8 * 8, b"\0") + content
    return struct.pack("<II", 14, len(data)) + data


def compressed(data):
    packed = zlib.compress(data)
    return struct.pack("<II", 15, len(packed)) + packed


BOMB = struct.pack("<II", 14, MAX_EXPANDED_BYTES) + matrix()[8:]
NESTED = matrix(content=matrix(content=matrix(content=matrix())))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (HEADER[:-2] + b"MI", "little-endian"),
        (HEADER[:-4] + b"\0\2IM", "version 7.3; save it again"),
        (HEADER[:60], "little-endian"),
        (HEADER, "its variables are none"),
        (HEADER + matrix(b"x"), "its variables are x; load it with scipy"),
        (HEADER + matrix(), "truncated or corrupt|corrupt at byte"),
        (HEADER + matrix() + matrix(), "corrupt"),
        (HEADER + matrix(axes=(1 << 30, 1)), "cells or structs"),
        (HEADER + matrix(axes=(1 << 14, 1), content=matrix(b"")[:8] * 3), "corrupt"),
        (HEADER + NESTED, "corrupt"),
        (HEADER + struct.pack("<II", 14, 1 << 30), "truncated or corrupt"),
        (HEADER + struct.pack("<II", 9, 8) + bytes(8), "where a variable should be"),
        (HEADER + compressed(BOMB), f"more than {MAX_EXPANDED_BYTES} bytes"),
        (HEADER + compressed(matrix()[:-1]), "cut off"),
        (HEADER + struct.pack("<II", 15, 8) + b"no zlib ", "a compressed variable is corrupt"),
        (HEADER + compressed(matrix(b"other")) + matrix(b"other"), "the same name"),
    ],
)
def test_damaged_files(path, data, message):
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=message):
        read(path)


def test_other_variables_are_passed_over(path):
    other = compressed(matrix(b"other", kind=6, content=bytes(5000)))
    path.write_bytes(HEADER + other + matrix(b"stats", kind=5))
    with pytest.raises(WeightsError, match="its variables are other, stats"):
        read(path)
