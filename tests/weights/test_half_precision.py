"""Safetensors of float16: what is rounded, what is refused, what stays."""

from __future__ import annotations

import re

import numpy as np
import pytest
import safetensors.numpy

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights import safetensors as halves

# The smallest number that rounds to infinity: between 65504 and 65536 (IEEE 754-2019, binary16).
TOO_LARGE = 65520.0
SIGNALLING_NAN = np.array([0x7FA00000], np.uint32).view(np.float32)


def test_numbers_are_rounded_to_the_nearest(tmp_path):
    path = tmp_path / "network.safetensors"
    values = np.array([1 / 3, 65519.9, -65519.9, 2**-25, 2**-24, 1e-30], np.float32)
    halves.write_halves(path, "caffe", {"fc8.bias": values}, {"license": "none"})
    stored = safetensors.numpy.load_file(path)["fc8.bias"]
    assert stored.dtype == np.float16
    assert stored.tolist() == [0.333251953125, 65504, -65504, 0, 2**-24, 0]
    file = halves.read(path)
    assert (file.variant, file.metadata) == ("caffe", {"license": "none"})
    np.testing.assert_array_equal(file.tensors["fc8.bias"].read(), stored.astype(np.float32))


@pytest.mark.parametrize("value", [TOO_LARGE, -1e6])
def test_a_number_beyond_float16_is_refused(tmp_path, value):
    tensors = {"fc8.bias": np.array([0, value, np.inf], np.float32)}
    with pytest.raises(WeightsError, match=re.escape(f"fc8.bias: {abs(value):g} is too large")):
        halves.write_halves(tmp_path / "network.safetensors", "caffe", tensors)
    assert list(tmp_path.iterdir()) == []


def test_nan_and_infinity_stay(tmp_path):
    path = tmp_path / "network.safetensors"
    values = np.concatenate([np.array([np.nan, np.inf, -np.inf], np.float32), SIGNALLING_NAN])
    halves.write_halves(path, "caffe", {"fc8.bias": values})
    stored = safetensors.numpy.load_file(path)["fc8.bias"].tolist()
    assert stored[1:3] == [np.inf, -np.inf]
    assert np.isnan([stored[0], stored[3]]).all()
