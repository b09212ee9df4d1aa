"""Values that become arrays, and the errors of those that do not."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from alexnet_cy import AlexNet, ops
from alexnet_cy.contracts.arrays import as_array, first_nonfinite
from alexnet_cy.images import preprocess
from alexnet_cy.labels import top_predictions


class Foreign:
    """An array of another library, which will not become one of NumPy."""

    shape = (1, 3, 8, 8)

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        raise self.error


ERRORS = [
    RuntimeError("Can't call numpy() on Tensor that requires grad."),
    ValueError("its values are on another device"),
    TypeError("can't convert it"),
    KeyError("dtype"),
    AttributeError("no such thing"),
    BufferError("it is exported"),
]

ENTRANCES: dict[str, Callable[[object], object]] = {
    "x": ops.relu,
    "weight": lambda value: ops.linear(np.ones((1, 2), np.float32), value),
    "bias": lambda value: ops.linear(*np.ones((2, 1, 2), np.float32), value),
    "conv1.weight": lambda value: AlexNet("caffe", {"conv1.weight": value}),
    "conv9.weight": lambda value: AlexNet("caffe", {"conv9.weight": value}),
    "mean": lambda value: preprocess(np.zeros((9, 9, 3), np.uint8), "caffe", mean=value),
    "probabilities_row": lambda value: top_predictions(value, 5),
}


@pytest.mark.parametrize("name", ENTRANCES)
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_foreign_array_that_makes_none_of_itself(name: str, error: Exception) -> None:
    message = f"{name}: need an array of numbers, got Foreign, which makes none of itself: {error}"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$") as raised:
        ENTRANCES[name](Foreign(error))
    assert raised.value.__cause__ is error


def test_what_is_inside_a_list() -> None:
    with pytest.raises(TypeError, match=r"^x: need an array of numbers, got list, which makes"):
        ops.relu([Foreign(RuntimeError("no"))])
    with pytest.raises(ValueError, match=r"^x: need an array of numbers: "):
        ops.relu([[1.0], [1.0, 2.0]])


def test_no_memory_is_no_wrong_type() -> None:
    with pytest.raises(MemoryError):
        ops.relu(Foreign(MemoryError()))


def test_arrays_stay_what_they_are() -> None:
    for array in (np.ones(3), np.ma.masked_array([1.0], [True]), np.ones(3).view(np.recarray)):
        assert as_array(array, "x") is array
    assert as_array([1, 2], "x").tolist() == [1, 2]


def test_the_first_value_that_is_not_finite() -> None:
    array = np.zeros((3, 4, 1 << 15), np.float32)
    assert first_nonfinite(array) is None
    array[2, 3, 17] = np.nan
    assert first_nonfinite(array) == [2, 3, 17]
    array[1, 0, 0] = -np.inf
    assert first_nonfinite(array) == [1, 0, 0]
    assert first_nonfinite(array[:0]) is None
