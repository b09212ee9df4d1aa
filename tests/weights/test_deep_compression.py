"""Deep Compression's file: every code and gap in its place, and files that are not AlexNet."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthesis.hostile.mutations import cuts
from synthesis.networks import TINY, random_tensors
from synthesis.programs.deep_compression_file import encode, entries, quantise, write_net

from alexnet_cy.errors import WeightsError
from alexnet_cy.network.variants import get_variant
from alexnet_cy.weights import deep_compression

if TYPE_CHECKING:
    from pathlib import Path

VARIANT = TINY["caffe"]
TENSORS = {name: quantise(array) for name, array in random_tensors(VARIANT).items()}
COUNTS = struct.Struct("<8I")


def read(directory: Path, data: bytes) -> dict[str, np.ndarray]:
    path = directory / "network.net"
    path.write_bytes(data)
    network = deep_compression.read(path, VARIANT)
    assert (network.format, network.variant) == ("deep-compression", "caffe")
    return {name: tensor.read() for name, tensor in network.tensors.items()}


def test_tensors_are_those_that_were_written(tmp_path: Path) -> None:
    found = read(tmp_path, encode(TENSORS))
    assert found.keys() == TENSORS.keys()
    for name, expected in TENSORS.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], expected)


def test_what_a_tensor_says_of_itself(tmp_path: Path) -> None:
    path = write_net(tmp_path / "network.net", TENSORS)
    tensors = deep_compression.read(path, VARIANT).tensors
    assert [tensors[f"{name}.weight"].dtype for name in ("conv5", "fc6")] == ["U8", "U4"]
    stored = sum(tensor.stored_bytes for tensor in tensors.values())
    assert stored + COUNTS.size == path.stat().st_size


@pytest.mark.parametrize("kept", [0, 1, 2, 3, 4, 10, 16, 17, 33, 47, 48, 144])
def test_gaps_of_every_length_and_odd_counts(tmp_path: Path, kept: int) -> None:
    """fc6 of the small network has 144 weights; all of `kept` stand as far back as they can."""
    weight = np.zeros(144, np.float32)
    weight[144 - kept :] = np.resize([0.5, -0.25, 1.0], kept)
    tensors = TENSORS | {"fc6.weight": weight.reshape(6, 24)}
    _, codes, gaps = entries(tensors["fc6.weight"])
    assert len(codes) == len(gaps) == max(1, kept + (144 - kept) // 16 * bool(kept))
    np.testing.assert_array_equal(
        read(tmp_path, encode(tensors))["fc6.weight"], weight.reshape(6, 24)
    )


@given(st.lists(st.sampled_from([0.0] * 12 + [1.0, -2.0]), min_size=30, max_size=30))
def test_sparse_weights_by_the_formula(values: list[float]) -> None:
    """The writer of the tests against the definition: position i is sum(gaps[:i + 1]) + i."""
    codebook, codes, gaps = entries(np.array(values, np.float32).reshape(5, 6))
    decoded = np.zeros(30, np.float32)
    for i, code in enumerate(codes):
        decoded[int(gaps[: i + 1].sum()) + i] = codebook[code]
    np.testing.assert_array_equal(decoded, values)


def test_bytes_by_hand(tmp_path: Path) -> None:
    """conv5 of 6 x 2 weights: entries at 0, 3 and 9; the low half of a byte comes first."""
    sections = []
    for name in ("conv1", "conv2", "conv3", "conv4"):
        sections.append(
            (np.zeros(256, "<f4").tobytes(), TENSORS[f"{name}.bias"].tobytes(), b"\0\0")
        )
    codebook = np.arange(256, dtype="<f4").tobytes()
    sections.append((codebook, TENSORS["conv5.bias"].tobytes(), bytes([7, 200, 9, 0x20, 0xF5])))
    for name in ("fc6", "fc7", "fc8"):
        codebook = np.arange(16, dtype="<f4").tobytes()
        sections.append((codebook, TENSORS[f"{name}.bias"].tobytes(), b"\xb3\x01\x21\xf0"))
    data = COUNTS.pack(1, 1, 1, 1, 3, 3, 3, 3) + b"".join(b"".join(parts) for parts in sections)
    found = read(tmp_path, data)
    assert found["conv5.weight"].reshape(-1).tolist() == [7, 0, 0, 200, 0, 0, 0, 0, 0, 9, 0, 0]
    assert found["fc8.weight"].reshape(-1).tolist() == [0, 3, 0, 0, 11, 1, *[0] * 9]
    assert not found["conv1.weight"].any()


def test_long_layers_are_decoded_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for entries_at_once in (2, 4, 6, 58):
        monkeypatch.setattr(deep_compression, "_CHUNK_ENTRIES", entries_at_once)
        found = read(tmp_path, encode(TENSORS))
        np.testing.assert_array_equal(found["fc6.weight"], TENSORS["fc6.weight"])
        np.testing.assert_array_equal(found["conv1.weight"], TENSORS["conv1.weight"])


def test_full_size_by_its_shapes(tmp_path: Path) -> None:
    counts = [34_848, 1, 2, 3, 4, 5, 6, 7]
    shapes = get_variant("caffe").parameter_shapes()
    size = COUNTS.size
    for (name, shape), count in zip(
        ((k, v) for k, v in shapes.items() if k.endswith("weight")), counts, strict=True
    ):
        bits = 8 if name.startswith("conv") else 4
        size += 4 * 2**bits + 4 * shape[0] + (count - 1) // (8 // bits) + 1 + (count - 1) // 2 + 1
    head = COUNTS.pack(*counts)
    path = tmp_path / "network.net"
    path.write_bytes(head + bytes(size - len(head)))
    network = deep_compression.read(path)
    assert {name: tensor.shape for name, tensor in network.tensors.items()} == shapes
    assert not network.tensors["conv1.weight"].read().any()


def test_any_other_size_is_refused(tmp_path: Path) -> None:
    data = encode(TENSORS)
    for cut in (*cuts(data), data + b"\0"):
        if cut:
            with pytest.raises(WeightsError, match="no Deep Compression network"):
                read(tmp_path, cut)


@pytest.mark.parametrize("layer", range(8))
@pytest.mark.parametrize("count", [0, 145, 2**31, 2**32 - 1])
def test_counts_that_cannot_be_are_refused(tmp_path: Path, layer: int, count: int) -> None:
    data = encode(TENSORS)
    counts = list(COUNTS.unpack_from(data))
    counts[layer] = count
    with pytest.raises(WeightsError, match=rf"{count} entries for \d+ weights"):
        read(tmp_path, COUNTS.pack(*counts) + data[COUNTS.size :])


def test_entries_beyond_the_end_are_refused(tmp_path: Path) -> None:
    data = encode(TENSORS)
    gaps = 12 // 2  # fc8 of 15 weights has 6 entries, 3 bytes of gaps, at the end of the file
    with pytest.raises(WeightsError, match=r"fc8.weight: an entry for position \d+ of 15"):
        read(tmp_path, data[:-gaps] + b"\xff" * gaps)


@pytest.mark.parametrize("value", [1e-30, -1.0, np.nan])
def test_pruned_weights_must_be_zero(tmp_path: Path, value: float) -> None:
    data = bytearray(encode(TENSORS))
    data[COUNTS.size : COUNTS.size + 4] = np.float32(value).tobytes()
    with pytest.raises(WeightsError, match=r"conv1.weight: codebook\[0\] is"):
        read(tmp_path, bytes(data))
