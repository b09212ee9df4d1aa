import re

import numpy as np
import pytest

from alexnet_cy.contracts.scalars import as_count, as_real


@pytest.mark.parametrize("value", [1, 7, np.int64(7), np.uint8(1)])
def test_a_count_becomes_an_int(value):
    count = as_count(value, "n")
    assert count == value
    assert type(count) is int


@pytest.mark.parametrize(("minimum", "value"), [(0, 0), (-3, -3), (None, -(10**30))])
def test_the_minimum_is_accepted(minimum, value):
    assert as_count(value, "n", minimum) == value


@pytest.mark.parametrize("value", [1.0, "1", None, True, np.True_, np.float32(1), np.ones(2, int)])
def test_what_is_no_whole_number_is_a_type_error(value):
    with pytest.raises(TypeError, match=r"^n: need a whole number from 1 up, got "):
        as_count(value, "n")
    with pytest.raises(TypeError, match=r"^n: need a whole number, got "):
        as_count(value, "n", minimum=None)
    with pytest.raises(TypeError, match=r"^n: need one or None, got "):
        as_count(value, "n", need="one or None")


@pytest.mark.parametrize(("minimum", "value"), [(1, 0), (1, np.int8(-5)), (0, -1)])
def test_what_is_too_small_is_a_value_error(minimum, value):
    message = f"n: need a whole number from {minimum} up, got {value}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        as_count(value, "n", minimum)


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int16(2)])
def test_a_real_number_becomes_a_float(value):
    assert type(as_real(value, "x")) is float
    assert as_real(value, "x") == 2


@pytest.mark.parametrize("value", ["2", None, 2j, [2.0]])
def test_what_is_no_real_number_is_a_type_error(value):
    with pytest.raises(TypeError, match=r"^x: need a real number, got "):
        as_real(value, "x")
