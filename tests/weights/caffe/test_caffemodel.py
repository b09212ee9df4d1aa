"""Caffe networks in every encoding, under every name, with the numbers that were written."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.programs.caffe_files import (
    Encoding,
    Layer,
    describe,
    encode,
    encode_blob,
    write_caffemodel,
)
from synthesis.programs.caffe_proto import new
from synthesis.seed_files.caffemodel import ROUNDING, SEEDS
from synthesis.seeds import ALL_VARIANTS

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.recognition import differing_settings
from alexnet_cy.network.variants import get_variant
from alexnet_cy.weights.caffe import read as caffemodel
from alexnet_cy.weights.files import WeightsFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from alexnet_cy.weights.network_file import NetworkFile

TENSORS = random_tensors(TINY["caffe"])
OLD = Encoding(v1=True, legacy_shapes=True, training=True)
TODAY = Encoding()
NAMES_ONLY = Encoding(connected=False, settings=False)


def layers_of(encoding: Encoding = TODAY, variant: str = "caffe") -> list[Layer]:
    return describe(TINY[variant], random_tensors(TINY[variant]), encoding)


def read_layers(directory: Path, layers: list[Layer], encoding: Encoding = TODAY) -> NetworkFile:
    path = directory / "network.caffemodel"
    path.write_bytes(encode(layers, encoding))
    return caffemodel.read(path)


def layer_called(layers: list[Layer], name: str) -> Layer:
    (layer,) = (layer for layer in layers if layer.name == name)
    return layer


def assert_equal_tensors(network: NetworkFile, tensors: dict[str, np.ndarray]) -> None:
    assert network.tensors.keys() == tensors.keys()
    for name, expected in tensors.items():
        found = network.tensors[name]
        assert found.shape == expected.shape
        array = found.read()
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        np.testing.assert_array_equal(array.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("variant", ALL_VARIANTS)
@pytest.mark.parametrize("encoding", SEEDS)
def test_every_encoding_of_every_variant(tmp_path: Path, encoding: str, variant: str) -> None:
    tensors = random_tensors(TINY[variant], num_classes=7)
    path = SEEDS[encoding](tmp_path, TINY[variant], tensors)
    rounding = ROUNDING.get(encoding, np.asarray)
    network = caffemodel.read(path)
    assert_equal_tensors(network, {name: rounding(array) for name, array in tensors.items()})
    assert network.format == "caffemodel"
    if network.network is None:  # no settings; without norms the order of the layers tells nothing
        assert network.variant == (None if variant == "torchvision" else variant)
    else:
        assert differing_settings(network.network, TINY[variant], any_size=False) == []


@pytest.mark.parametrize("bits", ["f64", "f32", "f16"])
def test_types_of_nvidias_caffe(tmp_path: Path, bits: str) -> None:
    network = read_layers(tmp_path, layers_of(), replace(TODAY, numbers=f"raw-{bits}"))
    weight = network.tensors["fc6.weight"]
    assert (weight.dtype, weight.stored_bytes) == (bits.upper(), 6 * 24 * int(bits[1:]) // 8)
    expected = TENSORS["fc6.weight"].astype(np.float16 if bits == "f16" else np.float32)
    np.testing.assert_array_equal(weight.read(), expected.astype(np.float32))


def test_what_the_file_says_of_itself(tmp_path: Path) -> None:
    renamed = replace(OLD, names={"fc8": "fc8_flickr"})
    network = read_layers(tmp_path, layers_of(renamed), renamed)
    assert dict(network.metadata) == {
        "name": "CaffeNet", "encoding": "layers", "layer.fc8": "fc8_flickr"
    }  # fmt: skip
    assert read_layers(tmp_path, layers_of()).metadata["encoding"] == "layer"


def test_legacy_shape_holds_where_both_are_present(tmp_path: Path) -> None:
    layers = layers_of()
    message = new("NetParameter", name="n").FromString(encode(layers, TODAY))
    legacy = new("BlobProto", num=1, channels=1, height=1, width=6).SerializeToString()
    shape = new("BlobProto")
    shape.shape.dim.append(3)
    (conv5,) = (layer for layer in message.layer if layer.name == "conv5")
    numbers = new("BlobProto", data=TENSORS["conv5.bias"].tobytes()).SerializeToString()
    conv5.blobs[1] = shape.SerializeToString() + legacy + numbers
    path = tmp_path / "network.caffemodel"
    path.write_bytes(message.SerializeToString())
    assert_equal_tensors(caffemodel.read(path), TENSORS)


@pytest.mark.parametrize("encoding", [TODAY, OLD, NAMES_ONLY])
def test_classifier_under_another_name(tmp_path: Path, encoding: Encoding) -> None:
    encoding = replace(encoding, names={"fc8": "fc8_places"}, shuffled=True)
    tensors = random_tensors(TINY["caffe"], num_classes=205)
    path = write_caffemodel(tmp_path / "network", TINY["caffe"], tensors, encoding)
    network = caffemodel.read(path)
    assert_equal_tensors(network, tensors)
    assert network.metadata["layer.fc8"] == "fc8_places"


def test_connected_layers_are_known_whatever_their_names(tmp_path: Path) -> None:
    names = {layer.name: f"a_{i}" for i, layer in enumerate(TINY["caffenet"].layers)}
    encoding = replace(OLD, names=names, shuffled=True)
    tensors = random_tensors(TINY["caffenet"])
    path = write_caffemodel(tmp_path / "network", TINY["caffenet"], tensors, encoding)
    network = caffemodel.read(path)
    assert_equal_tensors(network, tensors)
    assert network.variant == "caffenet-like"
    assert network.metadata["layer.conv1"] == names["conv1"]


def second_head(layers: list[Layer], name: str) -> list[Layer]:
    fc8 = layer_called(layers, "fc8")
    return [*layers, Layer(name, "InnerProduct", fc8.bottoms, [name], fc8.settings, fc8.blobs)]


@pytest.mark.parametrize("encoding", [TODAY, NAMES_ONLY])
def test_of_two_classifiers_fc8_is_taken(tmp_path: Path, encoding: Encoding) -> None:
    network = read_layers(tmp_path, second_head(layers_of(), "fc8_other"), encoding)
    assert_equal_tensors(network, TENSORS)


@pytest.mark.parametrize("encoding", [TODAY, NAMES_ONLY])
def test_two_classifiers_without_fc8_are_refused(tmp_path: Path, encoding: Encoding) -> None:
    layers = second_head(layers_of(), "fc8_other")
    layer_called(layers, "fc8").name = "fc8_one"
    with pytest.raises(WeightsError, match=r"several classifiers .'fc8_one', 'fc8_other'., and"):
        read_layers(tmp_path, layers, encoding)


def test_a_classifier_that_takes_something_else_is_none(tmp_path: Path) -> None:
    layers = layers_of()
    fc8 = layer_called(layers, "fc8")
    fc8.name = "embedding"
    fc8.blobs[0] = np.zeros((3, 4), np.float32)
    network = read_layers(tmp_path, layers, NAMES_ONLY)
    assert network.tensors.keys() == TENSORS.keys() - {"fc8.weight", "fc8.bias"}


def test_layers_that_are_missing_are_left_to_the_loader(tmp_path: Path) -> None:
    layers = [layer for layer in layers_of() if not layer.name.startswith(("fc", "relu_fc"))]
    network = read_layers(tmp_path, layers)
    assert network.tensors.keys() == {name for name in TENSORS if name.startswith("conv")}
    assert network.variant == "caffe-like"


def test_conv_layers_are_read_without_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = get_variant("caffe").parameter_shapes()
    path = tmp_path / "network.caffemodel"
    with open(path, "wb") as stream:
        for name in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"):
            write_hollow_layer(stream, name, shapes[f"{name}.weight"], shapes[f"{name}.bias"])
    assert path.stat().st_size > 240e6
    counted = []
    read_into = WeightsFile.read_into

    def counting(self: WeightsFile, offset: int, target: memoryview) -> None:
        counted.append(target.nbytes)
        read_into(self, offset, target)

    monkeypatch.setattr(WeightsFile, "read_into", counting)
    network = caffemodel.read(path)
    assert {name: tensor.shape for name, tensor in network.tensors.items()} == shapes
    assert sum(counted) < 1 << 17
    for name, tensor in network.tensors.items():
        if name.startswith("conv"):
            tensor.read()
    conv_bytes = 4 * 2_334_080  # 34,944 + 307,456 + 885,120 + 663,936 + 442,624
    assert conv_bytes <= sum(counted) < conv_bytes + (1 << 17)


def write_hollow_layer(stream: Any, name: str, *shapes: tuple[int, ...]) -> None:
    """Write a layer whose numbers are holes in the file, all of them 0."""
    kind = "Convolution" if len(shapes[0]) == 4 else "InnerProduct"
    layer = new("LayerParameter", name=name, type=kind).SerializeToString()
    sizes = [4 * int(np.prod(shape)) for shape in shapes]
    blobs = []
    for shape, size in zip(shapes, sizes, strict=True):
        blob = new("BlobProto")
        blob.shape.dim.extend(shape)
        start = blob.SerializeToString() + b"\x2a" + varint(size)
        blobs.append(b"\x3a" + varint(len(start) + size) + start)
    total = len(layer) + sum(map(len, blobs)) + sum(sizes)
    stream.write(b"\xa2\x06" + varint(total) + layer)
    for blob, size in zip(blobs, sizes, strict=True):
        stream.write(blob)
        stream.truncate(stream.tell() + size)
        stream.seek(0, os.SEEK_END)


def varint(value: int) -> bytes:
    groups = [value >> shift & 0x7F for shift in range(0, max(1, value.bit_length()), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def test_a_file_that_shrinks_after_it_was_opened(tmp_path: Path) -> None:
    path = write_caffemodel(tmp_path / "network", TINY["caffe"], TENSORS, TODAY)
    network = caffemodel.read(path)
    os.truncate(path, 100)
    with pytest.raises(WeightsError, match="changed since it was opened"):
        network.tensors["fc8.bias"].read()


def rename(old: str, new_name: str) -> Callable[[list[Layer]], None]:
    def change(layers: list[Layer]) -> None:
        layer_called(layers, old).name = new_name

    return change


def set_blobs(name: str, *blobs: np.ndarray) -> Callable[[list[Layer]], None]:
    def change(layers: list[Layer]) -> None:
        layer_called(layers, name).blobs = list(blobs)

    return change


def set_type(name: str, kind: str) -> Callable[[list[Layer]], None]:
    def change(layers: list[Layer]) -> None:
        layer_called(layers, name).type = kind

    return change


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


REFUSED_BY_NAME = {
    "a layer with three arrays": (
        set_blobs("fc7", zeros(5, 6), zeros(5), zeros(5)), "'fc7': 3 arrays"
    ),
    "a convolution with two axes": (
        set_blobs("conv3", zeros(4, 8), zeros(4)), "'conv3': weight: shape .4, 8.; a shape of 4"
    ),
    "an inner product with four axes": (
        set_blobs("fc6", zeros(6, 6, 2, 2), zeros(6)), "'fc6': weight: shape .* of 2 axes"
    ),
    "a bias with two axes": (
        set_blobs("fc6", zeros(6, 24), zeros(2, 3)), "'fc6': bias: shape .2, 3.; a shape of 1"
    ),
    "a name twice": (rename("conv2", "conv1"), "two layers with weights are called 'conv1'"),
    "conv1 as an inner product": (set_type("conv1", "InnerProduct"), "'conv1' is no Convolution"),
    "fc6 as a convolution": (set_type("fc6", "Convolution"), "'fc6' is no InnerProduct"),
    "weights in another type": (set_type("conv2", "Deconvolution"), "type 'Deconvolution' and"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_BY_NAME)
def test_layers_that_an_alexnet_cannot_have(tmp_path: Path, case: str) -> None:
    change, message = REFUSED_BY_NAME[case]
    layers = layers_of()
    change(layers)
    with pytest.raises(WeightsError, match=message):
        read_layers(tmp_path, layers, NAMES_ONLY)


def test_a_name_that_contradicts_the_order(tmp_path: Path) -> None:
    layers = layers_of()
    layer_called(layers, "conv3").name = "conv5 again"
    layer_called(layers, "conv5").name = "conv3"
    with pytest.raises(WeightsError, match="layer 'conv3' stands where an AlexNet has conv5"):
        read_layers(tmp_path, layers)


def test_long_names_are_shortened_in_messages(tmp_path: Path) -> None:
    layers = layers_of()
    fc8 = layer_called(layers, "fc8")
    fc8.name = "x" * 100_000
    fc8.blobs.clear()
    with pytest.raises(WeightsError, match=r"'x{57}\.\.\.': 0 arrays"):
        read_layers(tmp_path, layers)


def test_blob_of_the_test_writer_is_the_librarys() -> None:
    """The writer's own bytes against protobuf's encoding of the real field types."""
    array = TENSORS["fc7.weight"]
    for pieces in ("packed", "unpacked", "chunks", "mixed"):
        for numbers in ("data", "double_data"):
            blob = encode_blob(array, Encoding(pieces=pieces, numbers=numbers))
            found = getattr(new("FloatBlobProto").FromString(blob), numbers)
            np.testing.assert_array_equal(np.array(found, np.float32), array.reshape(-1))
