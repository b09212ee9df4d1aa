"""Side by side with OpenCV 4, the last library that reads Caffe's files and is still maintained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthesis.networks import random_tensors
from synthesis.programs.caffe_files import Encoding, prototxt, write_caffemodel

from alexnet_cy import AlexNet
from alexnet_cy.network.specs import Conv, Linear
from alexnet_cy.network.variants import get_variant
from alexnet_cy.weights.caffe import read as caffemodel
from alexnet_cy.weights.caffe import write as caffemodel_write

if TYPE_CHECKING:
    from pathlib import Path

    from alexnet_cy.network.variants import Variant

cv2 = pytest.importorskip("cv2")
if int(cv2.__version__.split(".")[0]) >= 5:
    pytest.skip("OpenCV 5 does not read Caffe's files", allow_module_level=True)

CHANNELS = {"conv1": 24, "conv2": 32, "conv3": 24, "conv4": 32, "conv5": 16, "fc6": 40, "fc7": 30}
INPUT_SIZE = 99  # 99-23-11-11-5-5-2: AlexNet's kernels, strides and pads with fewer channels
IMAGES = np.random.default_rng(1).uniform(-123, 132, (2, 3, INPUT_SIZE, INPUT_SIZE))
IMAGES = IMAGES.astype(np.float32)

# All that Caffe has written but doubles, which OpenCV does not read.
ENCODINGS = {
    "today": Encoding(),
    "2014": Encoding(v1=True, legacy_shapes=True),
    "chunks and diffs": Encoding(pieces="chunks", diffs=True),
    "unpacked": Encoding(pieces="unpacked"),
    "nvidia": Encoding(numbers="raw-f32"),
    "nvidia, 16 bits": Encoding(numbers="raw-f16"),
}


def reduced(name: str) -> Variant:
    """Return the network with fewer channels."""
    variant = get_variant(name)
    layers: list[Any] = []
    for layer in variant.layers:
        if isinstance(layer, Conv):
            layer = replace(layer, out_channels=CHANNELS[layer.name])
        elif isinstance(layer, Linear):
            layer = replace(layer, out_features=CHANNELS.get(layer.name, 20))
        layers.append(layer)
    return replace(variant, layers=tuple(layers), input_size=INPUT_SIZE)


def write_both(directory: Path, name: str, encoding: Encoding) -> tuple[Path, Path, dict[str, Any]]:
    """Write a random network; return the paths of the text and the weights, and the tensors."""
    variant = reduced(name)
    tensors = random_tensors(variant)
    weights = write_caffemodel(directory / "network.caffemodel", variant, tensors, encoding)
    text = directory / "network.prototxt"
    text.write_text(prototxt(variant, tensors, INPUT_SIZE))
    return text, weights, tensors


def in_opencv(text: Path, weights: Path) -> Any:
    return cv2.dnn.readNetFromCaffe(str(text), str(weights))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_weights_are_those_that_opencv_reads(tmp_path: Path, encoding: str) -> None:
    text, weights, _ = write_both(tmp_path, "caffe", ENCODINGS[encoding])
    network = caffemodel.read(weights)
    net = in_opencv(text, weights)
    for name in (*CHANNELS, "fc8"):
        for index, kind in enumerate(("weight", "bias")):
            ours = network.tensors[f"{name}.{kind}"].read()
            theirs = net.getParam(name, index)
            np.testing.assert_array_equal(
                ours.view(np.uint32), theirs.reshape(ours.shape).view(np.uint32)
            )


def test_what_opencv_shrinks_to_16_bits(tmp_path: Path) -> None:
    _, weights, tensors = write_both(tmp_path, "caffe", ENCODINGS["today"])
    shrunk = tmp_path / "shrunk.caffemodel"
    cv2.dnn.shrinkCaffeModel(str(weights), str(shrunk))
    network = caffemodel.read(shrunk)
    assert network.variant == "caffe"
    for name, expected in tensors.items():
        found = network.tensors[name]
        if found.dtype == "F16":
            np.testing.assert_array_equal(
                found.read(), expected.astype(np.float16).astype(np.float32)
            )
        else:
            np.testing.assert_array_equal(found.read(), expected)
    assert {network.tensors[f"{name}.weight"].dtype for name in CHANNELS} == {"F16"}


def test_what_we_write_is_what_opencv_reads(tmp_path: Path) -> None:
    text, _, tensors = write_both(tmp_path, "caffe", ENCODINGS["today"])
    ours = tmp_path / "ours.caffemodel"
    caffemodel_write.write(ours, "caffe", tensors)
    net = in_opencv(text, ours)
    for name, expected in tensors.items():
        layer, kind = name.split(".")
        theirs = net.getParam(layer, int(kind == "bias"))
        np.testing.assert_array_equal(theirs.reshape(expected.shape), expected)


def opencv_outputs(text: Path, weights: Path, layers: list[str]) -> dict[str, np.ndarray]:
    net = in_opencv(text, weights)
    net.setInput(IMAGES)
    return dict(zip(layers, net.forward(layers), strict=True))


@pytest.mark.parametrize("name", ["caffe", "caffenet"])
def test_outputs_are_those_of_opencv(tmp_path: Path, name: str) -> None:
    text, weights, _ = write_both(tmp_path, name, ENCODINGS["2014"])
    network = caffemodel.read(weights)
    assert network.variant == name
    theirs = opencv_outputs(text, weights, ["norm2", "pool5", "fc8", "prob"])
    ours = AlexNet(reduced(name), network.tensors).forward(IMAGES, list(theirs))
    for layer, expected in theirs.items():
        difference = np.abs(ours[layer] - expected.reshape(ours[layer].shape)).max()
        assert difference <= 1e-4 * np.abs(expected).max(), layer


def test_outputs_of_alexnet_and_caffenet_differ(tmp_path: Path) -> None:
    """The same weights: what tells the two apart is the order that each file states."""
    outputs = {}
    for name in ("caffe", "caffenet"):
        directory = tmp_path / name
        directory.mkdir()
        text, weights, _ = write_both(directory, name, ENCODINGS["today"])
        network = caffemodel.read(weights)
        assert network.variant is not None
        ours = AlexNet(reduced(network.variant), network.tensors).forward(IMAGES, ["fc8"])["fc8"]
        theirs = opencv_outputs(text, weights, ["fc8"])["fc8"]
        outputs[name] = ours
        assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()
    difference = np.abs(outputs["caffe"] - outputs["caffenet"]).max()
    assert difference > 0.01 * np.abs(outputs["caffe"]).max()
