"""Writing Caffe networks: what is read back, and what Caffe's messages say of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.programs.caffe_files import Encoding, describe
from synthesis.programs.caffe_proto import new
from synthesis.seeds import ALL_VARIANTS

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.recognition import differing_settings
from alexnet_cy.weights.caffe import read as caffemodel
from alexnet_cy.weights.caffe import write as caffemodel_write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("variant", ALL_VARIANTS)
def test_round_trip_is_exact(tmp_path: Path, variant: str) -> None:
    tensors = random_tensors(TINY[variant])
    tensors["conv1.weight"].flat[:3] = [-0.0, 1e-45, np.nan]
    path = tmp_path / "network.caffemodel"
    caffemodel_write.write(path, TINY[variant], tensors)
    network = caffemodel.read(path)
    assert network.network is not None
    assert differing_settings(network.network, TINY[variant], any_size=False) == []
    for name, expected in tensors.items():
        found = network.tensors[name].read()
        np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("variant", ALL_VARIANTS)
def test_the_file_is_the_network_that_caffe_has(tmp_path: Path, variant: str) -> None:
    tensors = random_tensors(TINY[variant])
    path = tmp_path / "network.caffemodel"
    caffemodel_write.write(path, TINY[variant], tensors)
    net = new("NetParameter").FromString(path.read_bytes())
    image, *layers = net.layer
    expected = describe(TINY[variant], tensors, Encoding())
    assert (image.type, list(image.top)) == ("Input", ["data"])
    assert [(layer.name, layer.type, list(layer.bottom), list(layer.top)) for layer in layers] == [
        (layer.name, layer.type, layer.bottoms, layer.tops) for layer in expected
    ]
    for layer, wanted in zip(layers, expected, strict=True):
        blobs = [new("BlobProto").FromString(blob) for blob in layer.blobs]
        assert [list(blob.shape.dim) for blob in blobs] == [list(a.shape) for a in wanted.blobs]
        assert [blob.data for blob in blobs] == [a.tobytes() for a in wanted.blobs]


def test_metadata_that_the_format_can_hold(tmp_path: Path) -> None:
    path = tmp_path / "network.caffemodel"
    noted = {"name": "Flickr style", "layer.fc8": "fc8_flickr", "origin": "nowhere"}
    caffemodel_write.write(path, TINY["caffe"], random_tensors(TINY["caffe"]), noted)
    network = caffemodel.read(path)
    assert dict(network.metadata) == {
        "name": "Flickr style", "encoding": "layer", "layer.fc8": "fc8_flickr"
    }  # fmt: skip


def test_arrays_of_other_layouts_are_written_alike(tmp_path: Path) -> None:
    tensors = random_tensors(TINY["caffe"])
    strange = {name: np.asfortranarray(array) for name, array in tensors.items()}
    first, second = tmp_path / "first", tmp_path / "second"
    caffemodel_write.write(first, "caffe", tensors)
    caffemodel_write.write(second, "caffe", strange)
    assert first.read_bytes() == second.read_bytes()


def test_what_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "network.caffemodel"
    tensors = random_tensors(TINY["caffe"])
    with pytest.raises(WeightsError, match=r"conv1: padding .* differs from end to end"):
        caffemodel_write.write(path, "paper", tensors)
    with pytest.raises(ValueError, match="variant must be one of"):
        caffemodel_write.write(path, "lenet", tensors)
    with pytest.raises(TypeError, match=r"tensors\['fc8.bias'\] must be a float32 array"):
        caffemodel_write.write(path, "caffe", tensors | {"fc8.bias": np.zeros(3)})
    del tensors["fc7.bias"]
    with pytest.raises(ValueError, match=r"tensors has no fc7.bias"):
        caffemodel_write.write(path, "caffe", tensors)
    assert list(tmp_path.iterdir()) == []
