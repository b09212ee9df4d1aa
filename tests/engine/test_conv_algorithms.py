"""Which algorithm computes a convolution, and who may say so."""

import numpy as np
import pytest
from support.samples import normal

from alexnet_cy import AlexNet, ops
from alexnet_cy.engine.conv_algorithms import (
    CONV_VARIABLE,
    ConvProblem,
    algorithm_names,
    choose_algorithm,
)

CONV1 = ConvProblem(3, 96, (11, 11), (4, 4), 1)
GREY = ConvProblem(1, 8, (3, 3), (1, 1), 1)


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(CONV_VARIABLE, raising=False)


def test_the_names_start_with_auto():
    assert algorithm_names()[0] == "auto"
    assert {"direct", "im2col"} <= set(algorithm_names())


def test_runs_are_the_contiguous_inputs_of_a_patch():
    assert CONV1.run == 33
    assert ConvProblem(96, 256, (5, 5), (1, 1), 2).run == 48


def test_auto_copies_short_runs_together():
    assert choose_algorithm(CONV1) == "direct"
    assert choose_algorithm(GREY) == "im2col"


@pytest.mark.parametrize("name", ["direct", "im2col"])
def test_an_algorithm_that_is_asked_for_is_taken(monkeypatch, name):
    for problem in (CONV1, GREY):
        assert choose_algorithm(problem, name) == name
        monkeypatch.setenv(CONV_VARIABLE, name)
        assert choose_algorithm(problem) == name
        monkeypatch.setenv(CONV_VARIABLE, "im2col" if name == "direct" else "direct")
        assert choose_algorithm(problem, name) == name  # the call has the last word


@pytest.mark.parametrize("value", ["", "auto"])
def test_a_variable_that_says_nothing(monkeypatch, value):
    monkeypatch.setenv(CONV_VARIABLE, value)
    assert choose_algorithm(GREY) == "im2col"


@pytest.mark.parametrize("name", ["fft", "Direct", "im2col "])
def test_an_unknown_name_is_an_error_that_lists_the_others(monkeypatch, name):
    listed = ", ".join(algorithm_names())
    with pytest.raises(ValueError, match=f"^algorithm: need one of {listed}, got '{name}'$"):
        choose_algorithm(CONV1, name)
    with pytest.raises(ValueError, match=f"^algorithm: need one of {listed}, got '{name}'$"):
        AlexNet.random(algorithm=name)
    monkeypatch.setenv(CONV_VARIABLE, name)
    with pytest.raises(ValueError, match=f"^{CONV_VARIABLE}: need one of {listed}, got '{name}'$"):
        choose_algorithm(CONV1)


def test_the_variable_reaches_the_kernels(monkeypatch):
    x, weight = normal(0, 1, 3, 8, 8), normal(1, 5, 3, 3, 3)
    expected = ops.conv2d(x, weight, algorithm="direct")
    monkeypatch.setenv(CONV_VARIABLE, "im2col")
    np.testing.assert_array_equal(ops.conv2d(x, weight), expected)
    monkeypatch.setenv(CONV_VARIABLE, "nonsense")
    with pytest.raises(ValueError, match=CONV_VARIABLE):
        ops.conv2d(x, weight)
