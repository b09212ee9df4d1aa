"""What holds for every format and encoding: the formats' own tests are in files of their own."""

from __future__ import annotations

import shutil
import tracemalloc
from functools import cache

import numpy as np
import pytest
from synthesis.hostile.mutations import cuts
from synthesis.hostile.outcomes import read_all, read_by_rows
from synthesis.networks import TINY, random_tensors, widened
from synthesis.seeds import SEEDS, VARIANTS, rounded
from weights.fuzz_weights import fuzz

from alexnet_cy import AlexNet
from alexnet_cy.weights import open_network
from alexnet_cy.weights.files import WeightsFile

PAIRS = [(encoding, variant) for encoding in SEEDS for variant in VARIANTS[encoding]]


@pytest.mark.parametrize(("encoding", "variant"), PAIRS)
def test_every_file_of_a_network_gives_the_same_bits(encoding, variant, tmp_path):
    network = TINY[variant]
    tensors = random_tensors(network, seed=5)
    opened = open_network(SEEDS[encoding](tmp_path, network, tensors), network)
    assert encoding.startswith(f"{opened.format}-")
    assert opened.variant == network
    assert list(opened.tensors) == list(network.parameter_shapes())
    for name, expected in rounded(encoding, tensors).items():
        array = opened.tensors[name].read()
        assert array.dtype == "=f4", name
        assert array.flags.c_contiguous, name
        assert array.shape == opened.tensors[name].shape == expected.shape, name
        assert array.tobytes() == expected.tobytes(), name


# Programs write these: one block of numbers for a tensor, in its order.
READ_BY_ROWS = {
    "caffemodel-layer",
    "caffemodel-ours",
    "caffemodel-v1",
    "onnx-ours",
    "onnx-torch",
    "safetensors-ours",
    "torch-legacy",
    "torch-zip",
}


@pytest.mark.parametrize("encoding", SEEDS)
def test_rows_are_those_of_the_whole(encoding, tmp_path):
    network = TINY[VARIANTS[encoding][0]]
    opened = open_network(SEEDS[encoding](tmp_path, network, random_tensors(network)), network)
    found = {name: read_by_rows(tensor) for name, tensor in opened.tensors.items()}
    for name, array in found.items():
        assert array is None or array.tobytes() == opened.tensors[name].read().tobytes(), name
    if encoding in READ_BY_ROWS:
        assert found["fc6.weight"] is not None


def outputs_of(network, tensors):
    size = network.input_size
    images = np.random.default_rng(2).standard_normal((2, 3, size, size), np.float32)
    return AlexNet(network, tensors).forward(images, ["conv5", "fc8", "prob"], threads=1)


@cache
def exact_outputs(network):
    return outputs_of(network, random_tensors(network))


@pytest.mark.parametrize("encoding", SEEDS)
def test_every_file_of_a_network_gives_the_same_outputs(encoding, tmp_path):
    network = TINY[VARIANTS[encoding][0]]
    tensors = random_tensors(network)
    opened = open_network(SEEDS[encoding](tmp_path, network, tensors), network)
    expected = rounded(encoding, tensors)
    wanted = outputs_of(network, expected) if expected is not tensors else exact_outputs(network)
    found = outputs_of(network, opened.tensors)
    for layer, values in wanted.items():
        assert found[layer].tobytes() == values.tobytes(), layer
        assert np.ptp(found[layer]) > 0, layer


@pytest.mark.parametrize("encoding", SEEDS)
def test_a_tensor_is_the_callers_own(encoding, tmp_path):
    network = TINY[VARIANTS[encoding][0]]
    opened = open_network(SEEDS[encoding](tmp_path, network, random_tensors(network)), network)
    first, second = (opened.tensors["conv2.weight"].read() for _ in range(2))
    assert first is not second
    assert first.tobytes() == second.tobytes()


# Numbers that are not packed have a key each: where they end shows only when all have been passed.
# MATLAB compresses all layers as one piece.
READ_WHOLE = ("unpacked", "mixed", "matconvnet-zlib")


@pytest.mark.parametrize("encoding", [e for e in SEEDS if not any(p in e for p in READ_WHOLE)])
def test_only_what_is_asked_for_is_read(encoding, tmp_path, monkeypatch):
    network = widened(TINY[VARIANTS[encoding][0]], 256, 1024)  # 1 MB
    path = SEEDS[encoding](tmp_path, network, random_tensors(network))
    read_bytes = []
    read_into = WeightsFile.read_into

    def counting(self, offset, target):
        read_bytes.append(target.nbytes)
        read_into(self, offset, target)

    monkeypatch.setattr(WeightsFile, "read_into", counting)
    opened = open_network(path, network)
    for layer in range(1, 6):
        opened.tensors[f"conv{layer}.weight"].read()
        opened.tensors[f"conv{layer}.bias"].read()
    fc7_bytes = opened.tensors["fc7.weight"].stored_bytes
    assert 0 < sum(read_bytes) < path.stat().st_size - 0.9 * fc7_bytes


@pytest.mark.slow
@pytest.mark.parametrize("encoding", [e for e in SEEDS if e.startswith(("np", "safetensors"))])
def test_reading_takes_little_more_memory_than_the_array(encoding, tmp_path):
    network = widened(TINY[VARIANTS[encoding][0]], 1024, 2048)  # 8 MB
    opened = open_network(SEEDS[encoding](tmp_path, network, random_tensors(network)), network)
    opened.tensors["conv1.weight"].read()
    tracemalloc.start()
    try:
        array = opened.tensors["fc7.weight"].read()
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 1.75 * array.nbytes


@pytest.mark.parametrize("encoding", SEEDS)
def test_the_content_tells_the_format_whatever_the_name_says(encoding, tmp_path):
    network = TINY[VARIANTS[encoding][0]]
    path = SEEDS[encoding](tmp_path, network, random_tensors(network))
    expected = open_network(path, network).format
    misleading = ".npy" if path.suffix != ".npy" else ".safetensors"
    for name in (f"weights{misleading}", "weights"):
        shutil.copyfile(path, tmp_path / name)
        assert open_network(tmp_path / name, network).format == expected


@pytest.mark.slow
@pytest.mark.parametrize("encoding", SEEDS)
def test_a_cut_file_is_refused(encoding, tmp_path):
    network = TINY[VARIANTS[encoding][0]]
    tensors = random_tensors(network)
    whole = SEEDS[encoding](tmp_path, network, tensors).read_bytes()
    path = tmp_path / "cut"
    refused = 0
    for data in cuts(whole):
        path.write_bytes(data)
        loaded = read_all(path, network)
        if loaded is None:
            refused += 1
            continue
        # Protobuf has no end mark: what is behind the last tensor may be cut off.
        for name, expected in rounded(encoding, tensors).items():
            assert loaded[name].tobytes() == expected.tobytes(), f"cut to {len(data)} bytes"
    assert refused > 40


@pytest.mark.slow
@pytest.mark.parametrize("encoding", SEEDS)
def test_a_damaged_file_is_a_network_or_refused(encoding, tmp_path):
    result = fuzz(encoding, range(20), tmp_path)
    assert result.faults == []
    assert result.outcomes["refused"] > 5
