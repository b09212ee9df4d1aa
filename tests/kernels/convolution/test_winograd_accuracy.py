"""How large the errors of Winograd convolution are: by the size of the tile, and in AlexNet."""

import numpy as np
import pytest
from support.samples import normal

from alexnet_cy import ops
from alexnet_cy.engine.packed.winograd_packing import pack_winograd
from alexnet_cy.kernels.convolution import _winograd
from alexnet_cy.machine.levels import active_kernels
from alexnet_cy.oracle import definitions

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("isa")]

# Largest error over the largest output, and rms error over the standard deviation, of square tiles
# for square kernels over 64 channels of normal numbers: what was measured (docs/numerics.md), a
# half more.
ERRORS = {
    (6, 2): (1.1e-5, 2.8e-6),
    (5, 3): (6.1e-6, 2.4e-6),
    (4, 3): (5.1e-6, 2.0e-6),
    (4, 4): (5.5e-6, 2.3e-6),
    (4, 5): (1.1e-5, 4.8e-6),
    (2, 6): (5.3e-6, 2.8e-6),
}


@pytest.mark.parametrize(("outputs", "taps"), ERRORS)
def test_errors_of_tiles(outputs, taps):
    size = 6 * outputs + taps - 1
    cuts = np.arange(0, 6 * outputs + 1, outputs)
    for seed in range(2):
        x = normal(seed, 2, 64, size, size)
        weight = normal(seed + 100, 16, 64, taps, taps)
        packed = pack_winograd(weight, None, stride=(1, 1), groups=1, kernels=active_kernels())
        computed = np.empty((2, 6 * outputs, 6 * outputs, 16), np.float32)
        pixels = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
        _winograd.WinogradConv2d(packed, pixels, computed, cuts, cuts, False).run(1)
        exact = definitions.conv2d(x, weight)
        assert_errors(computed.transpose(0, 3, 1, 2), exact, *ERRORS[outputs, taps])


# The layers as AlexNet has them: input channels of a group, filters, kernel, input, arguments
LAYERS = {
    "conv1": (3, 11, 227, {"stride": 4}),
    "conv2": (48, 5, 27, {"padding": 2}),
    "conv3": (256, 3, 13, {"padding": 1}),
    "conv4": (192, 3, 13, {"padding": 1}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_alexnet(name):
    """The contract of docs/numerics.md, for inputs as they are behind a ReLU, or about zero."""
    channels, kernel, size, arguments = LAYERS[name]
    weight = normal(1, 16, channels, kernel, kernel)
    x = normal(0, 1, channels, size, size)
    for inputs in (x, np.maximum(x, 0)):
        computed = ops.conv2d(inputs, weight, algorithm="winograd", relu=True, **arguments)
        exact = definitions.conv2d(inputs, weight, relu=True, **arguments)
        assert_errors(computed, exact, 2e-5, 5e-6)


def assert_errors(computed, exact, of_largest, rms):
    errors = computed - exact
    assert np.abs(errors).max() <= of_largest * np.abs(exact).max()
    assert np.sqrt(np.mean(errors**2)) <= rms * exact.std()
