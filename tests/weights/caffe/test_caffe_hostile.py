"""Damaged and hostile Caffe files: each is a network or a WeightsError, and costs little."""

from __future__ import annotations

import os
import random
import resource
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthesis.hostile.mutations import mutate
from synthesis.hostile.outcomes import refuse
from synthesis.networks import TINY, random_tensors
from synthesis.programs.caffe_files import Encoding, describe, encode
from synthesis.programs.caffe_proto import new
from synthesis.seed_files.caffemodel import SEEDS

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.caffe import read as caffemodel
from alexnet_cy.weights.caffe.layers import MAX_LAYERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TENSORS = random_tensors(TINY["caffe"])
MUTATIONS = 25


def outcome(path: Path) -> str:
    """Read a file and all its tensors; every error but WeightsError is a fault."""
    try:
        network = caffemodel.read(path)
        for name, tensor in network.tensors.items():
            array = tensor.read()
            if array.shape != tensor.shape or array.dtype != np.float32:
                raise AssertionError(f"{name}: {array.dtype} {array.shape}, not {tensor.shape}")
    except WeightsError as error:
        if str(path) not in str(error) or len(str(error)) > 20_000:
            raise AssertionError("a message without the path, or an endless one") from error
        return "refused"
    return "loaded"


def boundaries(
    data: bytes, start: int = 0, end: int | None = None, depth: int = 0
) -> Iterator[int]:
    """Yield where the fields of a message, and of the messages within it, begin and end."""
    end = len(data) if end is None else end
    position = start
    while position < end:
        yield position
        key, position = _varint(data, position)
        yield position
        if key & 7 == 2:
            length, position = _varint(data, position)
            if length >= 2 and depth < 4 and _is_message(data, position, position + length):
                yield from boundaries(data, position, position + length, depth + 1)
            position += length
        else:
            position = _after(data, key & 7, position)
        yield position


def _is_message(data: bytes, start: int, end: int) -> bool:
    position = start
    while position < end:
        try:
            key, position = _varint(data, position)
            if key & 7 == 2:
                length, position = _varint(data, position)
                position += length
            else:
                position = _after(data, key & 7, position)
        except (IndexError, KeyError):
            return False
    return position == end


def _after(data: bytes, wire_type: int, position: int) -> int:
    if wire_type == 0:
        return _varint(data, position)[1]
    return position + {1: 8, 5: 4}[wire_type]


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["caffemodel-v1-diffs", "caffemodel-mixed"])
def test_every_structural_cut(tmp_path: Path, encoding: str) -> None:
    path = SEEDS[encoding](tmp_path, TINY["caffe"], TENSORS)
    data = path.read_bytes()
    places = {place + step for place in boundaries(data) for step in (-1, 0)} - {-1, 0}
    assert len(places) > 500
    outcomes: Counter[str] = Counter()
    for place in sorted(places):
        path.write_bytes(data[:place])
        outcomes[outcome(path)] += 1
    # What is left of a message that ends after one of its layers is a message, and a network
    # without the layers behind, as long as there is no inner product without a classifier.
    assert outcomes["refused"] > 500
    assert outcomes["loaded"] > 5


@pytest.mark.parametrize("encoding", SEEDS)
def test_random_damage(tmp_path: Path, encoding: str) -> None:
    path = SEEDS[encoding](tmp_path, TINY["caffe"], TENSORS)
    original = path.read_bytes()
    outcomes: Counter[str] = Counter()
    for number in range(MUTATIONS):
        path.write_bytes(mutate(original, random.Random(f"{encoding} {number}")) or b"\0")
        outcomes[outcome(path)] += 1
    assert outcomes["refused"] > MUTATIONS // 4
    assert outcomes["loaded"] > 0


def net_with(change: Callable[[Any], None], encoding: Encoding) -> bytes:
    """Return a network in which `change` has changed conv5's message."""
    layers = describe(TINY["caffe"], TENSORS, encoding)
    net = new("NetParameter").FromString(encode(layers, encoding))
    (conv5,) = (layer for layer in (net.layers or net.layer) if layer.name == "conv5")
    change(conv5)
    return net.SerializeToString()


def blob(numbers: np.ndarray | None, dims: list[int] | None = None, **fields: Any) -> bytes:
    """Return a BlobProto with any shape, legacy shape and other numbers, true or not."""
    message = new("BlobProto", **fields)
    if dims is not None:
        message.shape.SetInParent()
        message.shape.dim.extend(dims)
    if numbers is not None:
        message.data = numbers.astype("<f4").tobytes()
    return message.SerializeToString()


def _encode_varint(value: int) -> bytes:
    groups = [value >> shift & 0x7F for shift in range(0, max(1, value.bit_length()), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


SIX = np.ones(6)
BLOBS = {
    "no shape": (blob(SIX), "has no shape"),
    "an empty shape": (blob(SIX, dims=[]), "has no shape"),
    "no numbers": (blob(None, dims=[6]), "found none"),
    "numbers of two kinds": (
        blob(SIX, dims=[6], double_data=SIX.astype("<f8").tobytes()), "found data and double_data"
    ),
    "too few numbers": (blob(SIX[:5], dims=[6]), r"shape \(6,\) needs 6 numbers, found 5"),
    "too many numbers": (blob(SIX, dims=[5]), r"shape \(5,\) needs 5 numbers, found 6"),
    "a broken number": (blob(SIX, dims=[6]) + b"\x2a\x03abc", "no whole number"),
    "an axis of length 0": (blob(SIX, dims=[0, 6]), "every axis must be 1 to"),
    "a negative axis": (blob(SIX, dims=[-6]), r"shape \(-6,\); every axis"),
    "two negative axes": (blob(SIX, dims=[-2, -3]), "every axis must be"),
    "a negative legacy axis": (blob(SIX, num=-1, channels=-1, height=1, width=6), "every axis"),
    "legacy axes left out": (blob(SIX, width=6), r"shape \(0, 0, 0, 6\); every axis"),
    "an axis of 2**62": (blob(SIX, dims=[2**62]), "every axis"),
    "a product that is 6 in 64 bits": (
        blob(SIX, dims=[2**16, 2**16, 2**16, 2**16 + 6]), r"needs 184\d+ numbers, found 6"
    ),
    "a product of 2**61 numbers": (blob(SIX, dims=[2**31 - 1, 2**30]), "needs 23058430"),
    "an axis more than 32 bits": (blob(SIX, num=1, channels=1, height=1) + b"\x20" +
                                  _encode_varint(2**32 + 6), "every axis"),
    "33 axes": (blob(SIX, dims=[1] * 32 + [6]), "33 axes; Caffe allows 32"),
    "a million axes": (blob(SIX, dims=[1] * 10**6), "1000000 axes"),
    "integers": (
        blob(None, dims=[6], raw_data_type=3, raw_data=bytes(24)), "raw_data_type 3 is no float"
    ),
    "raw floats as doubles": (
        blob(None, dims=[6], raw_data=bytes(24)), "needs 6 numbers, found 3"
    ),
    "floats one by one among doubles": (
        blob(None, dims=[6]) + b"\x45abcd" * 6, "numbers of 4 bytes where 8 are expected"
    ),
    "a shape twice": (blob(SIX, dims=[6]) + b"\x3a\x00", "BlobProto.shape comes twice"),
    "a shape that is a number": (blob(SIX) + b"\x38\x06", "BlobProto.shape has wire type 0"),
    "numbers beyond the blob": (blob(None, dims=[6]) + b"\x2a\xff\xff\xff\x7f", "beyond the end"),
    "numbers of 2**63 bytes": (
        blob(None, dims=[6]) + b"\x2a" + _encode_varint(2**63), "beyond the end"
    ),
    "no blob at all": (b"\xff\xff\xff", "a varint that does not end"),
}  # fmt: skip


@pytest.mark.parametrize("encoding", [Encoding(), Encoding(v1=True)])
@pytest.mark.parametrize("case", BLOBS)
def test_blobs_that_cannot_be(tmp_path: Path, case: str, encoding: Encoding) -> None:
    data, message = BLOBS[case]

    def change(conv5: Any) -> None:
        conv5.blobs[1] = data

    refuse(caffemodel.read, tmp_path / "net", net_with(change, encoding), message)


def net_of(*layers: Any, old: Any = ()) -> bytes:
    return new("NetParameter", name="n", layer=layers, layers=old).SerializeToString()


def test_both_kinds_of_layers_are_refused(tmp_path: Path) -> None:
    data = net_of(new("LayerParameter", name="a"), old=[new("V1LayerParameter", name="b")])
    refuse(
        caffemodel.read, tmp_path / "network.caffemodel", data, "layers in both the old encoding"
    )


def test_the_first_encoding_is_named(tmp_path: Path) -> None:
    nested = b"\x0a\x05conv1\x12\x04conv"
    layer = b"\x0a" + _encode_varint(len(nested)) + nested + b"\x12\x04data\x1a\x05conv1"
    data = b"\x0a\x09CaffeNet!" + b"\x12" + _encode_varint(len(layer)) + layer
    refuse(
        caffemodel.read,
        tmp_path / "network.caffemodel",
        data,
        r"Caffe's first encoding, of 2013 .* upgrade_net_proto_binary",
    )


def test_a_network_without_layers(tmp_path: Path) -> None:
    refuse(
        caffemodel.read,
        tmp_path / "network.caffemodel",
        net_of(),
        "no Caffe network, or one without layers",
    )


def test_layers_are_limited(tmp_path: Path) -> None:
    layers = [new("LayerParameter", name="a")] * (MAX_LAYERS + 1)
    refuse(
        caffemodel.read,
        tmp_path / "network.caffemodel",
        net_of(*layers),
        f"{MAX_LAYERS + 1} layers; at most {MAX_LAYERS}",
    )


@pytest.mark.slow
def test_graphs_that_a_search_could_get_lost_in(tmp_path: Path) -> None:
    """As many layers as are read: in circles, in one long chain, and all on the same blobs."""
    count = MAX_LAYERS
    kinds = ("Convolution", "InnerProduct")

    def layer(i: int, bottoms: list[str], tops: list[str]) -> Any:
        return new("LayerParameter", name=f"l{i}", type=kinds[i % 2], bottom=bottoms, top=tops)

    circle = [layer(i, [f"b{i}"], [f"b{(i + 1) % 8}"]) for i in range(count)]
    chain = [layer(i, [f"b{i}"], [f"b{i + 1}"]) for i in range(count)]
    in_place = [layer(i, ["b"], ["b"]) for i in range(count)]
    star = [layer(i, ["a"] * 50, ["b"] * 50) for i in range(count)]
    for layers in (circle, chain, in_place, star):
        path = tmp_path / "network.caffemodel"
        path.write_bytes(net_of(*layers))
        outcome(path)


@pytest.mark.slow
def test_memory_is_bounded_by_the_file(tmp_path: Path) -> None:
    """Half a megabyte of structure in the most expensive forms; 512 MB are allowed."""
    floods = {
        "fields": b"\x58\x01" * 250_000,
        "layers": b"\xa2\x06\x00" * 150_000,
        "blobs": frame(b"\xa2\x06", b"\x3a\x00" * 90_000),
        "tops": frame(b"\xa2\x06", b"\x22\x00" * 90_000),
        "axes": frame(
            b"\xa2\x06", frame(b"\x3a", frame(b"\x3a", frame(b"\x0a", b"\x01" * 500_000)))
        ),
        "keys before numbers": frame(b"\xa2\x06", frame(b"\x3a", b"\x2dabcd" * 100_000)),
        "runs": frame(b"\xa2\x06", frame(b"\x3a", b"\x2dabcd\x2dabcd\x35abcd" * 30_000)),
        "a long name": frame(b"\x0a", b"a" * 500_000),
    }
    path = tmp_path / "network.caffemodel"
    for name, data in floods.items():
        path.write_bytes(data)
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert outcome(path) == "refused", name
        grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib
        assert grown_kib < 64 << 10, name


def frame(key: bytes, data: bytes) -> bytes:
    return key + _encode_varint(len(data)) + data


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs on this system")
def test_what_is_no_regular_file(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (tmp_path, fifo, tmp_path / "missing"):
        with pytest.raises(WeightsError):
            caffemodel.read(path)
