"""Caffe's norm_region WITHIN_CHANNEL: in old files and new ones, and out again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.programs.caffe_files import Encoding, Layer, describe, encode

from alexnet_cy import AlexNet, WeightsError
from alexnet_cy.network import LRN, Variant
from alexnet_cy.network.recognition import differing_settings
from alexnet_cy.oracle.network import forward
from alexnet_cy.weights.caffe import read as caffemodel
from alexnet_cy.weights.caffe import write as caffe_write

if TYPE_CHECKING:
    from pathlib import Path

NORM1 = LRN("norm1", 3, 5e-5, 0.75, 1.0, region="within_channel")  # as cifar10_full: size 3
NORM2 = LRN("norm2", 5, 2e-2, 0.6, 1.0, region="within_channel")


def within(norm1: LRN = NORM1, norm2: LRN = NORM2) -> Variant:
    caffe = TINY["caffe"]
    norms = {"norm1": norm1, "norm2": norm2}
    layers = tuple(norms.get(layer.name, layer) for layer in caffe.layers)
    return replace(caffe, name="within", layers=layers)


def as_float32(norm: LRN) -> LRN:
    """The same with numbers as a file keeps them."""
    numbers = {name: float(np.float32(getattr(norm, name))) for name in ("alpha", "beta", "k")}
    return replace(norm, **numbers)


@pytest.mark.parametrize(
    "encoding", [Encoding(), Encoding(v1=True), Encoding(training=True), Encoding(connected=False)]
)
def test_the_network_is_what_the_file_says(tmp_path: Path, encoding: Encoding) -> None:
    variant = within()
    tensors = random_tensors(variant)
    path = tmp_path / "network.caffemodel"
    path.write_bytes(encode(describe(variant, tensors, encoding), encoding))
    net = AlexNet.load(path)
    differences = differing_settings(net.variant, TINY["caffe"], any_size=False)
    assert "norm1: region is within_channel, not across_channels" in differences
    assert net.variant.layer("norm1") == as_float32(NORM1)
    assert net.variant.layer("norm2") == as_float32(NORM2)
    x = np.random.default_rng(3).uniform(-100, 100, (2, 3, 47, 47)).astype(np.float32)
    exact = forward(variant, tensors, x, ["norm1", "norm2", "fc8"])
    for name, values in net.forward(x, list(exact)).items():
        assert np.abs(values - exact[name]).max() <= 3e-5 * np.abs(exact[name]).max()
    across = forward(TINY["caffe"], tensors, x, ["norm1"])["norm1"]
    assert np.abs(across - exact["norm1"]).max() > 0.01 * np.abs(exact["norm1"]).max()


def norm_layer(**settings: float) -> list[Layer]:
    layers = describe(within(), random_tensors(within()), Encoding())
    (layer,) = (layer for layer in layers if layer.name == "norm1")
    layer.settings["lrn_param"] = {"norm_region": 1, **settings}
    return layers


def test_caffes_defaults(tmp_path: Path) -> None:
    path = tmp_path / "network.caffemodel"
    path.write_bytes(encode(norm_layer(), Encoding()))
    network = caffemodel.read(path).network
    assert network is not None
    assert network.layer("norm1") == LRN("norm1", 5, 1.0, 0.75, 1.0, region="within_channel")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"local_size": 4}, "'norm1': local_size is 4, not odd"),
        ({"local_size": 0}, "'norm1': local_size is 0, not odd"),
        ({"k": 2.0}, "'norm1': k is 2 within channels; Caffe ignores it there, but not through"),
    ],
)
def test_what_is_in_doubt_is_refused(
    tmp_path: Path, settings: dict[str, float], message: str
) -> None:
    path = tmp_path / "network.caffemodel"
    path.write_bytes(encode(norm_layer(**settings), Encoding()))
    with pytest.raises(WeightsError, match=message):
        caffemodel.read(path)


@pytest.mark.parametrize("divided", [True, False])
def test_a_round_trip_keeps_every_bit(tmp_path: Path, divided: bool) -> None:
    norm = replace(NORM1, divide_alpha_by_size=divided, alpha=0.25)
    variant = within(norm)
    tensors = random_tensors(variant)
    path = tmp_path / "network.caffemodel"
    caffe_write.write(path, variant, tensors)
    net, before = AlexNet.load(path), AlexNet(variant, tensors)
    found = net.variant.layer("norm1")
    assert isinstance(found, LRN)
    assert (found.size, found.ops_alpha, found.region) == (3, norm.ops_alpha, "within_channel")
    x = np.random.default_rng(3).uniform(-100, 100, (2, 3, 47, 47)).astype(np.float32)
    assert net.forward(x).tobytes() == before.forward(x).tobytes()


def test_caffe_cannot_be_told_another_k(tmp_path: Path) -> None:
    variant = within(replace(NORM1, k=2.0))
    path = tmp_path / "network.caffemodel"
    with pytest.raises(WeightsError, match="norm1: k is 2; within channels Caffe computes with 1"):
        caffe_write.write(path, variant, random_tensors(variant))
    assert not list(tmp_path.iterdir())
