"""Which algorithm computes a convolution, and who may say so."""

import re

import numpy as np
import pytest
from support.samples import normal

from alexnet_cy import AlexNet, ops
from alexnet_cy.engine.choice.conv_algorithms import (
    CONV_VARIABLE,
    ConvProblem,
    able_algorithms,
    algorithm_names,
    choose_algorithm,
    takes_blocks,
)
from alexnet_cy.kernels import _runtime
from alexnet_cy.network import VARIANTS, Conv, get_variant

LEVELS = _runtime.runnable_levels()

GREY = ConvProblem(1, 8, (3, 3), (1, 1), 1, (13, 13), reads_images=True)
FEW_CHANNELS = ConvProblem(8, 8, (3, 3), (1, 1), 1, (13, 13), reads_images=True)
CONV3 = ConvProblem(256, 384, (3, 3), (1, 1), 1, (13, 13), reads_images=False)
LARGE_KERNEL = ConvProblem(16, 16, (7, 3), (1, 1), 1, (13, 13), reads_images=True)
STRIDE_INSIDE = ConvProblem(64, 64, (3, 3), (2, 2), 1, (13, 13), reads_images=False)
STRIDE_IN_GROUPS = ConvProblem(64, 64, (3, 3), (2, 2), 2, (13, 13), reads_images=True)
NOT_FOR_WINOGRAD = [LARGE_KERNEL, STRIDE_INSIDE, STRIDE_IN_GROUPS]


@pytest.fixture(autouse=True)
def no_variable(monkeypatch):
    monkeypatch.delenv(CONV_VARIABLE, raising=False)


def test_the_names_start_with_auto():
    assert algorithm_names()[0] == "auto"
    assert {"winograd", "direct", "im2col"} <= set(algorithm_names())


def test_auto_takes_the_cheapest():
    assert choose_algorithm(CONV3) == "winograd"
    assert choose_algorithm(FEW_CHANNELS) == "direct"
    assert choose_algorithm(GREY) == "direct"
    assert choose_algorithm(CONV3, exact=True) == "direct"
    for problem in NOT_FOR_WINOGRAD:
        assert choose_algorithm(problem) == "direct"
    one_output = CONV3._replace(output_size=(1, 1))  # a tile of one output saves nothing
    assert choose_algorithm(one_output) == "direct"


def test_a_measured_choice_comes_after_what_is_asked_for(monkeypatch):
    for name in ("direct", "im2col"):
        assert choose_algorithm(CONV3, tuned=name) == name
        assert choose_algorithm(CONV3, "winograd", tuned=name) == "winograd"
        monkeypatch.setenv(CONV_VARIABLE, "winograd")
        assert choose_algorithm(CONV3, tuned=name) == "winograd"
        monkeypatch.delenv(CONV_VARIABLE)
    assert choose_algorithm(GREY, tuned="winograd") == "winograd"
    assert choose_algorithm(GREY, tuned="winograd", exact=True) == "direct"
    for problem in NOT_FOR_WINOGRAD:
        assert choose_algorithm(problem, tuned="winograd") == "direct"


@pytest.mark.parametrize("problem", [*NOT_FOR_WINOGRAD, CONV3])
def test_what_can_compute_a_convolution(problem):
    able = ("direct", "im2col") if problem in NOT_FOR_WINOGRAD else ("winograd", "direct", "im2col")
    assert able_algorithms(problem) == able
    assert able_algorithms(problem, exact=True) == ("direct", "im2col")


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("level", LEVELS)
def test_winograd_computes_the_six_networks(name, level):
    for i, shape in enumerate(get_variant(name).shapes()):
        if isinstance(shape.layer, Conv):
            problem = ConvProblem.of(
                shape.layer, shape.input_shape, shape.output_shape, reads_images=i == 0
            )
            assert choose_algorithm(problem, level=level) == "winograd", shape.layer.name


def test_only_winograd_with_a_stride_takes_blocks():
    conv1 = ConvProblem(3, 96, (11, 11), (4, 4), 1, (55, 55), reads_images=True)
    assert takes_blocks(conv1, "winograd")
    assert not takes_blocks(conv1, "direct")
    assert not takes_blocks(CONV3, "winograd")


@pytest.mark.parametrize("name", ["winograd", "direct", "im2col"])
def test_an_algorithm_that_is_asked_for_is_taken(monkeypatch, name):
    for problem in (CONV3, FEW_CHANNELS, GREY):
        assert choose_algorithm(problem, name) == name
        monkeypatch.setenv(CONV_VARIABLE, name)
        assert choose_algorithm(problem) == name
        monkeypatch.setenv(CONV_VARIABLE, "im2col" if name == "direct" else "direct")
        assert choose_algorithm(problem, name) == name  # the call has the last word


@pytest.mark.parametrize("value", ["", "auto"])
def test_a_variable_that_says_nothing(monkeypatch, value):
    monkeypatch.setenv(CONV_VARIABLE, value)
    assert choose_algorithm(GREY) == "direct"


@pytest.mark.parametrize("problem", NOT_FOR_WINOGRAD)
def test_an_algorithm_that_cannot_is_an_error_that_lists_those_that_can(monkeypatch, problem):
    height, width = problem.kernel_size
    message = re.escape(
        f"'winograd' cannot compute a {height}x{width} convolution of stride {problem.stride} in "
        f"{problem.groups} groups; these can: direct, im2col"
    )
    with pytest.raises(ValueError, match=f"^algorithm: {message}$"):
        choose_algorithm(problem, "winograd")
    monkeypatch.setenv(CONV_VARIABLE, "winograd")
    with pytest.raises(ValueError, match=f"^{CONV_VARIABLE}: {message}$"):
        choose_algorithm(problem)


def test_winograd_is_not_exact():
    with pytest.raises(ValueError, match=r"'winograd' cannot .* in 1 groups exactly; these can: "):
        choose_algorithm(CONV3, "winograd", exact=True)


@pytest.mark.parametrize("name", ["fft", "Direct", "im2col "])
def test_an_unknown_name_is_an_error_that_lists_the_others(monkeypatch, name):
    listed = ", ".join(algorithm_names())
    with pytest.raises(ValueError, match=f"^algorithm: need one of {listed}, got '{name}'$"):
        choose_algorithm(GREY, name)
    with pytest.raises(ValueError, match=f"^algorithm: need one of {listed}, got '{name}'$"):
        AlexNet.random(algorithm=name)
    monkeypatch.setenv(CONV_VARIABLE, name)
    with pytest.raises(ValueError, match=f"^{CONV_VARIABLE}: need one of {listed}, got '{name}'$"):
        choose_algorithm(GREY)


def test_the_variable_reaches_the_kernels(monkeypatch):
    x, weight = normal(0, 1, 16, 8, 8), normal(1, 16, 16, 3, 3)
    for name in ("winograd", "direct"):
        expected = ops.conv2d(x, weight, algorithm=name)
        monkeypatch.setenv(CONV_VARIABLE, name)
        np.testing.assert_array_equal(ops.conv2d(x, weight), expected)
    monkeypatch.setenv(CONV_VARIABLE, "nonsense")
    with pytest.raises(ValueError, match=CONV_VARIABLE):
        ops.conv2d(x, weight)
