"""The error that Winograd's algorithm is expected to have, against the one it has."""

import numpy as np
import pytest
from support.samples import normal

from alexnet_cy import ops
from alexnet_cy.engine.choice.conv_algorithms import ConvProblem, choose_algorithm
from alexnet_cy.engine.choice.winograd_error import LARGEST_EXPECTED_ERROR, expected_error
from alexnet_cy.network import VARIANTS, Conv, get_variant
from alexnet_cy.oracle import definitions

# F(4, 5) as ops takes it: the one that was found to break the contract.
DEEP = ConvProblem(832, 128, (5, 5), (1, 1), 1, (7, 7), reads_images=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channels", "size", "taps"), [(64, 17, 3), (832, 11, 5), (256, 16, 2), (64, 24, 4)]
)
def test_it_is_the_error_of_random_numbers(channels, size, taps):
    x, weight = normal(0, 1, channels, size, size), normal(1, 16, channels, taps, taps)
    exact = definitions.conv2d(x, weight, None)
    found = ops.conv2d(x, weight, algorithm="winograd") - exact
    outputs = (size - taps + 1,) * 2
    problem = ConvProblem(channels, 16, (taps, taps), (1, 1), 1, outputs, reads_images=True)
    measured = np.sqrt(np.mean(found**2) / np.mean(exact**2))
    assert 0.6 * measured < expected_error(problem) < 1.2 * measured


def test_auto_takes_direct_where_it_would_be_too_large():
    assert expected_error(DEEP) > LARGEST_EXPECTED_ERROR
    assert choose_algorithm(DEEP) in ("direct", "im2col")
    assert choose_algorithm(DEEP, tuned="winograd") in ("direct", "im2col")
    assert choose_algorithm(DEEP, "winograd") == "winograd"
    near = DEEP._replace(in_channels=64)
    assert choose_algorithm(near, tuned="winograd") == "winograd"


@pytest.mark.slow
def test_conv2d_keeps_the_contract_for_many_channels():
    x, weight = normal(0, 1, 832, 11, 11), normal(1, 128, 832, 5, 5)
    exact = definitions.conv2d(x, weight, None)
    error = np.abs(ops.conv2d(x, weight) - exact).max() / np.abs(exact).max()
    assert error < 1e-5
    assert (
        np.abs(ops.conv2d(x, weight, algorithm="winograd") - exact).max()
        > error * np.abs(exact).max()
    )


@pytest.mark.parametrize("name", VARIANTS)
def test_every_convolution_of_an_alexnet_is_near_enough(name):
    for i, shape in enumerate(get_variant(name).shapes()):
        if isinstance(shape.layer, Conv):
            problem = ConvProblem.of(
                shape.layer, shape.input_shape, shape.output_shape, reads_images=i == 0
            )
            assert expected_error(problem) < 4e-6
