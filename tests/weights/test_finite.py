"""The check for NaN and infinity."""

from __future__ import annotations

import re

import numpy as np
import pytest

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.loader import check_finite


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, (1 << 18) - 1, 1 << 18, 3 * (1 << 18) + 4])
def test_one_value_anywhere_is_found(value, place):
    tensor = np.ones((3, 1 << 18), np.float32)
    tensor = np.concatenate([tensor.ravel(), np.ones(5, np.float32)])
    tensor[place] = value
    with pytest.raises(WeightsError, match=rf"fc6.weight: the value at \[{place}\] is {value}"):
        check_finite("fc6.weight", tensor)


def test_the_first_of_several_is_named_by_its_index():
    tensor = np.zeros((2, 3, 4), np.float32)
    tensor[1, 0, 2] = tensor[1, 2, 3] = np.nan
    with pytest.raises(WeightsError, match=re.escape("at [1, 0, 2] is nan")):
        check_finite("conv1.weight", tensor)


def test_every_finite_value_passes():
    values = np.finfo(np.float32)
    check_finite("x", np.array([0, -0.0, values.max, values.min, values.smallest_subnormal], "=f4"))
    check_finite("x", np.empty((0, 3), np.float32))


def test_a_part_of_a_tensor_is_named_by_its_place_in_the_whole():
    rows = np.zeros((4, 5), np.float32)
    rows[2, 3] = np.inf
    with pytest.raises(WeightsError, match=re.escape("fc7.weight: the value at [102, 3] is inf")):
        check_finite("fc7.weight", rows, 100)
