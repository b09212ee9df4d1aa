"""Safetensors: every rule of the format, and nothing that the reference reader would not read."""

from __future__ import annotations

import json
import random
import tracemalloc

import numpy as np
import pytest
import safetensors as package
import safetensors.numpy
from synthesis.hostile.mutations import mutate
from synthesis.networks import TINY, random_tensors
from synthesis.seeds import SEEDS

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights import safetensors as ours
from alexnet_cy.weights.files import WeightsFile


def entry(dtype, shape, start, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def file_bytes(header, data=b""):
    """A file with this header, an object or its JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


@pytest.fixture
def read(tmp_path):
    """Read bytes as a safetensors file."""

    def read_bytes(data):
        path = tmp_path / "network.safetensors"
        path.write_bytes(data)
        return ours.read(path)

    return read_bytes


def test_what_the_package_writes_is_read(read):
    tensors = random_tensors(TINY["caffe"])
    file = read(safetensors.numpy.save(tensors, {"license": "none"}))
    assert file.format == "safetensors"
    assert file.variant is None
    assert file.metadata == {"license": "none"}
    for name, expected in tensors.items():
        tensor = file.tensors[name]
        assert (tensor.shape, tensor.dtype) == (expected.shape, "F32")
        assert tensor.stored_bytes == expected.nbytes
        assert tensor.read().tobytes() == expected.tobytes()


def test_what_we_write_is_read_by_the_package(tmp_path):
    tensors = random_tensors(TINY["caffe"])
    tensors["fc7.weight"] = np.asfortranarray(tensors["fc7.weight"])
    tensors["conv2.weight"] = np.repeat(tensors["conv2.weight"], 2, axis=0)[::2]
    path = tmp_path / "network.safetensors"
    ours.write(path, "plain", tensors, {"license": "none"})
    loaded = safetensors.numpy.load_file(path)
    assert loaded.keys() == tensors.keys()
    for name, expected in tensors.items():
        np.testing.assert_array_equal(loaded[name], expected)
    file = ours.read(path)
    assert (file.variant, file.metadata) == ("plain", {"license": "none"})


@pytest.mark.parametrize(
    ("tensors", "metadata", "message"),
    [
        ({"conv1.weight": np.zeros(3)}, None, "'conv1.weight'.* float32 array, got float64"),
        ({"conv1.weight": [1.0]}, None, "'conv1.weight'.* float32 array, got list"),
        ({}, {"epoch": 3}, "metadata must map str to str, got 'epoch': 3"),
    ],
)
@pytest.mark.parametrize("already_there", [False, True])
def test_what_cannot_be_written_leaves_the_old_file(
    tmp_path, tensors, metadata, message, already_there
):
    path = tmp_path / "network.safetensors"
    if already_there:
        path.write_bytes(b"old")
    with pytest.raises(TypeError, match=message):
        ours.write(path, "caffe", tensors, metadata)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"] * already_there


def test_a_directory_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="network"):
        ours.write(tmp_path / "no" / "network.safetensors", "caffe", {})


@pytest.mark.parametrize(
    ("dtype", "bits", "value"),
    [
        ("BF16", 0x3F80, 1.0),
        ("BF16", 0xC049, -3.140625),
        ("BF16", 0x0001, 9.183549615799121e-41),
        ("F16", 0x3C00, 1.0),
        ("F16", 0x0001, 5.960464477539063e-08),
        ("F16", 0x7BFF, 65504.0),
        ("F32", 0x3DCCCCCD, 0.10000000149011612),
        ("F64", 0x3FB999999999999A, 0.10000000149011612),
    ],
)
def test_number_formats(read, dtype, bits, value):
    width = {"BF16": 2, "F16": 2, "F32": 4, "F64": 8}[dtype]
    data = bits.to_bytes(width, "little") * 2
    tensor = read(file_bytes({"a": entry(dtype, [2], 0, 2 * width)}, data)).tensors["a"]
    assert tensor.dtype == dtype
    assert tensor.read().tolist() == [value, value]


def test_allowed_oddities(read):
    header = {
        "scalar": entry("F32", [1], 0, 4),
        "empty": entry("F32", [0, 3], 4, 4),
        "last": entry("F32", [1, 2], 4, 12),
    }
    numbers = np.array([1, 2, 3], "<f4").tobytes()
    file = read(file_bytes(json.dumps(header).encode() + b"    ", numbers))
    assert file.tensors["scalar"].read() == 1
    assert file.tensors["empty"].read().shape == (0, 3)
    assert file.tensors["last"].read().tolist() == [[2, 3]]
    counters = file_bytes({"a": entry("I64", [], 0, 8), "b": entry("F32", [], 8, 12)}, bytes(12))
    assert read(counters).tensors == {}
    # The order of the header is not that of the numbers.
    file = read(file_bytes(dict(reversed(header.items())), numbers))
    assert file.tensors["last"].read().tolist() == [[2, 3]]


def test_numbers_need_not_be_aligned(read):
    for padding in range(8):
        text = json.dumps({"a": entry("F32", [3], 0, 12)}).encode() + b" " * padding
        file = read(file_bytes(text, np.array([1, 2, 3], "<f4").tobytes()))
        array = file.tensors["a"].read()
        assert array.flags.aligned
        assert array.tolist() == [1, 2, 3]


ONE = json.dumps(entry("F32", [1], 0, 4))

HOSTILE = {
    # The cases of the reference implementation's own tests (safetensors, tensor.rs).
    "metadata_incomplete_buffer": file_bytes({"a": entry("F32", [2, 2], 0, 16)}, bytes(12)),
    "metadata_incomplete_buffer 2": file_bytes({"a": entry("F32", [2, 2], 0, 16)}, bytes(20)),
    "header_too_large": b"<\x00\x00\x00\x00\xff\xff\xff{}",
    "header_too_small": b"\x02\x00\x00\x00",
    "invalid_header_length": b"<\x00\x00\x00\x00\x00\x00\x00{}",
    "invalid_header_non_utf8": b"\x01\x00\x00\x00\x00\x00\x00\x00\xff",
    "invalid_header_not_json": b"\x01\x00\x00\x00\x00\x00\x00\x00{",
    "zero_sized_header": bytes(8),
    # Layout of the numbers.
    "overlap": file_bytes({"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 4, 12)}, bytes(12)),
    "same place": file_bytes(
        {"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 0, 8)}, bytes(8)
    ),
    "hole at the start": file_bytes({"a": entry("F32", [1], 4, 8)}, bytes(8)),
    "hole between": file_bytes(
        {"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 8, 12)}, bytes(12)
    ),
    "bytes behind the last": file_bytes({"a": entry("F32", [1], 0, 4)}, bytes(5)),
    "end before the start": file_bytes({"a": entry("F32", [1], 4, 0)}, bytes(4)),
    "too short for the shape": file_bytes({"a": entry("F32", [3], 0, 8)}, bytes(8)),
    "no tensor but numbers": file_bytes({}, bytes(4)),
    # Numbers in the header.
    "negative size": file_bytes({"a": entry("F32", [-1], 0, 4)}, bytes(4)),
    "two negative sizes": file_bytes({"a": entry("F32", [-1, -1], 0, 4)}, bytes(4)),
    "size as true": file_bytes({"a": entry("F32", [True], 0, 4)}, bytes(4)),
    "size as float": file_bytes({"a": entry("F32", [1.0], 0, 4)}, bytes(4)),
    "size as text": file_bytes({"a": entry("F32", ["1"], 0, 4)}, bytes(4)),
    "offset as float": file_bytes({"a": entry("F32", [1], 0.0, 4)}, bytes(4)),
    "size of 2**64": file_bytes({"a": entry("F32", [1 << 64], 0, 4)}, bytes(4)),
    "product of 2**64": file_bytes({"a": entry("F32", [1 << 32, 1 << 32], 0, 0)}),
    "shape of 4 TiB": file_bytes({"a": entry("F32", [1 << 40], 0, 1 << 42)}, bytes(4)),
    "offset of 2**63": file_bytes({"a": entry("F32", [1], 1 << 63, (1 << 63) + 4)}, bytes(4)),
    "a number of 5000 digits": file_bytes(b'{"a": ' + b"1" * 5000 + b"}"),
    "NaN": file_bytes(b'{"a": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 4]}}', bytes(4)),
    # The rest of the header.
    "a name twice": file_bytes(f'{{"a": {ONE}, "a": {ONE}}}'.encode(), bytes(4)),
    "a key twice": file_bytes(f'{{"a": {ONE[:-1]}, "shape": [1]}}}}'.encode(), bytes(4)),
    "metadata twice": file_bytes(b'{"__metadata__": {}, "__metadata__": {}}'),
    "metadata not of text": file_bytes({"__metadata__": {"epoch": 3}}),
    "metadata no object": file_bytes({"__metadata__": ["epoch"]}),
    "metadata nested": file_bytes({"__metadata__": {"a": {"b": "c"}}}),
    "unknown key": file_bytes({"a": entry("F32", [1], 0, 4) | {"url": "x"}}, bytes(4)),
    "no dtype": file_bytes({"a": {"shape": [1], "data_offsets": [0, 4]}}, bytes(4)),
    "three offsets": file_bytes(
        {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 4]}}, bytes(4)
    ),
    "an entry that is null": file_bytes({"a": None}),
    "dtype no text": file_bytes({"a": entry(1, [1], 0, 4)}, bytes(4)),
    "dtype F8_E4M3": file_bytes({"a": entry("F8_E4M3", [4], 0, 4)}, bytes(4)),
    "dtype I64": file_bytes({"a": entry("I64", [1, 1], 0, 8)}, bytes(8)),
    "a counter of 7 bytes": file_bytes({"a": entry("I64", [], 0, 7)}, bytes(7)),
    "dtype unknown": file_bytes({"a": entry("f32", [1], 0, 4)}, bytes(4)),
    "twenty axes": file_bytes({"a": entry("F32", [1] * 20, 0, 4)}, bytes(4)),
    "a name of 300 characters": file_bytes({"a" * 300: entry("F32", [1], 0, 4)}, bytes(4)),
    "two names of one tensor": file_bytes(
        {"conv1.bias": entry("F32", [1], 0, 4), "conv1/b": entry("F32", [1], 4, 8)}, bytes(8)
    ),
    "nested 100,000 deep": file_bytes(b'{"a":' * 100_000),
    "100,000 lists": file_bytes(b'{"a":' + b"[" * 100_000),
    "1001 tensors": file_bytes({str(i): entry("F32", [0], 0, 0) for i in range(1001)}),
    "overlap attack": file_bytes({str(i): entry("F32", [1], 0, 4) for i in range(1000)}, bytes(4)),
    "an array": file_bytes(b"[1, 2, 3]"),
    "space before the header": file_bytes(b' {"a": 1}'),
    "text behind the header": file_bytes(b'{} {"a": 1}'),
    "UTF-16": file_bytes('{"a": 1}'.encode("utf-16")),
    "a header of 4 MiB and a byte": file_bytes(b"{}".ljust((1 << 22) + 1)),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_breaks_a_rule_is_refused(read, case):
    tracemalloc.start()
    try:
        with pytest.raises(WeightsError) as caught:
            read(HOSTILE[case])
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 1000
    assert peak_bytes < 64 << 20


def test_a_reason_from_below_is_kept(read):
    with pytest.raises(WeightsError) as caught:
        read(HOSTILE["invalid_header_not_json"])
    assert isinstance(caught.value.__cause__, json.JSONDecodeError)


def test_the_fully_connected_layers_are_not_touched(tmp_path, monkeypatch):
    path = tmp_path / "network.safetensors"
    ours.write(path, "caffe", random_tensors(TINY["caffe"]))
    header_bytes = int.from_bytes(path.read_bytes()[:8], "little")
    header = json.loads(path.read_bytes()[8 : 8 + header_bytes])
    read_ranges = []
    read_into = WeightsFile.read_into

    def recording(self, offset, target):
        read_ranges.append((offset, offset + target.nbytes))
        read_into(self, offset, target)

    monkeypatch.setattr(WeightsFile, "read_into", recording)
    file = ours.read(path)
    for layer in range(1, 6):
        file.tensors[f"conv{layer}.weight"].read()
    for name in ("fc6.weight", "fc7.weight", "fc8.weight"):
        start, end = (8 + header_bytes + offset for offset in header[name]["data_offsets"])
        assert all(last <= start or first >= end for first, last in read_ranges), name


@pytest.mark.parametrize("encoding", [name for name in SEEDS if name.startswith("safetensors-")])
def test_nothing_is_read_that_the_package_refuses(encoding, tmp_path, read):
    variant = TINY["torchvision"]
    original = SEEDS[encoding](tmp_path, variant, random_tensors(variant)).read_bytes()
    both = 0
    for number in range(60):
        data = mutate(original, random.Random(f"package {encoding} {number}"))
        try:
            file = read(data)
        except WeightsError:
            continue
        both += 1
        stored = dict(package.deserialize(data))
        assert len(stored) == len(file.tensors)
        # Ours may have other names: the arrays are found again by their bytes.
        expected = sorted((tuple(t["shape"]), bytes(t["data"])) for t in stored.values())
        if encoding.endswith(("-f16", "-bf16", "-f64")):
            assert sorted(t.shape for t in file.tensors.values()) == [s for s, _ in expected]
        else:
            found = sorted((t.shape, t.read().tobytes()) for t in file.tensors.values())
            assert found == expected
    assert both > 3
