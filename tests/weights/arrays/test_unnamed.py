"""Arrays without names: what the tests of all formats do not say."""

from __future__ import annotations

import numpy as np
import pytest
from synthesis.networks import TINY, random_tensors
from synthesis.programs.tensorflow_order import to_tensorflow

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays.npz import read

OURS = random_tensors(TINY["torchvision"])


def read_unnamed(path, *arrays):
    np.savez(path, *arrays)
    return read(path).tensors


def test_ten_comes_after_nine(tmp_path):
    named = {f"arr_{i}": values for i, values in enumerate(OURS.values())}
    np.savez(tmp_path / "sorted.npz", **dict(sorted(named.items())))
    found = read(tmp_path / "sorted.npz").tensors
    assert list(found) == list(OURS)
    for name, values in OURS.items():
        np.testing.assert_array_equal(found[name].read(), values)


def test_a_network_without_biases(tmp_path):
    weights = [values for name, values in OURS.items() if name.endswith("weight")]
    biases = [OURS["fc8.bias"]]  # one is enough to tell the order of axes
    found = read_unnamed(tmp_path / "x.npz", *weights, *biases)
    assert [*found] == [*(k for k in OURS if k.endswith("weight")), "fc8.bias"]


def test_theanos_are_refused(tmp_path):
    # Convolutions as torch has them, fully connected layers as TensorFlow: perhaps turned round.
    arrays = [np.ascontiguousarray(v.T) if v.ndim == 2 else v for v in OURS.values()]
    with pytest.raises(WeightsError, match=r"arr_0 ...: their order of axes .*Theano's; save them"):
        read_unnamed(tmp_path / "x.npz", *arrays)


@pytest.mark.parametrize("extra", [1, 3])
def test_normalisations_are_refused(tmp_path, extra):
    arrays = []
    for layer in to_tensorflow(TINY["torchvision"], OURS, flat_fc6=True).values():
        arrays += [layer["weights"], layer["biases"], *[layer["biases"]] * extra]
    with pytest.raises(WeightsError, match="more than a bias stands behind a weight"):
        read_unnamed(tmp_path / "x.npz", *arrays)
