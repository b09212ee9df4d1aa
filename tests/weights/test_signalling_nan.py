"""A signalling NaN, which a cast from float64 makes a quiet one, is refused without a warning."""

from __future__ import annotations

import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.seeds import SEEDS, VARIANTS

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights import open_network

# Little-endian float64: all exponent bits, the first bit of the fraction (quiet) clear.
SIGNALLING_NAN = bytes.fromhex("010000000000f07f")

ENCODINGS = ["caffemodel-double", "caffemodel-double-unpacked", "onnx-reshape", "safetensors-f64"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_it_is_found_like_any_other(encoding, tmp_path):
    network = TINY[VARIANTS[encoding][0]]
    tensors = random_tensors(network)
    tensors["fc7.bias"][2] = 7.0  # a value that occurs once
    path = SEEDS[encoding](tmp_path, network, tensors)
    data = path.read_bytes()
    stored = bytes.fromhex("0000000000001c40")
    assert data.count(stored) == 1
    path.write_bytes(data.replace(stored, SIGNALLING_NAN))
    with pytest.raises(WeightsError, match=r"fc7.bias: the value at \[2\] is nan"):
        open_network(path, network).tensors["fc7.bias"].read()
