"""Every operation of `alexnet_cy.ops` with arguments, for tests that all of them must pass."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from support.samples import normal

from alexnet_cy import ops


class Operation(NamedTuple):
    """A call ``compute(x, *parameters, threads=...)``; an image of x is x[i]."""

    compute: Callable[..., NDArray[np.float32]]
    image_shape: tuple[int, ...]
    parameter_shapes: tuple[tuple[int, ...], ...] = ()

    def images(self, count: int) -> NDArray[np.float32]:
        """Draw inputs, some of them zero."""
        x = normal(count, count, *self.image_shape)
        x[x < -1] = 0
        return x

    def parameters(self) -> list[NDArray[np.float32]]:
        """Draw the weight and bias."""
        return [normal(99 + i, *shape) for i, shape in enumerate(self.parameter_shapes)]


def _conv(
    algorithm: str, groups: int, out_channels: int, stride: tuple[int, int] = (1, 2)
) -> Operation:
    compute = partial(
        ops.conv2d,
        stride=stride,
        padding=((1, 0), (2, 1)),
        groups=groups,
        relu=True,
        algorithm=algorithm,
    )
    return Operation(compute, (6, 9, 8), ((out_channels, 6 // groups, 3, 4), (out_channels,)))


OPERATIONS: dict[str, Operation] = {
    "direct convolution": _conv("direct", 1, 35),
    "direct convolution in groups": _conv("direct", 2, 38),
    "im2col convolution": _conv("im2col", 1, 35),
    "im2col convolution in groups": _conv("im2col", 2, 38),
    "Winograd convolution": _conv("winograd", 1, 35, (1, 1)),
    "Winograd convolution in groups": _conv("winograd", 2, 38, (1, 1)),
    "Winograd convolution with a stride": _conv("winograd", 1, 35),
    "max_pool2d": Operation(
        partial(ops.max_pool2d, kernel_size=3, stride=2, padding=1, ceil_mode=True), (19, 8, 6)
    ),
    "adaptive_avg_pool2d": Operation(
        partial(ops.adaptive_avg_pool2d, output_size=(3, 4)), (19, 8, 6)
    ),
    "local_response_norm": Operation(partial(ops.local_response_norm, alpha=1.0), (19, 5, 3)),
    "local_response_norm of another power": Operation(
        partial(ops.local_response_norm, size=4, alpha=1.0, beta=0.5, k=2.0), (19, 5, 3)
    ),
    "local_response_norm within channels": Operation(
        partial(ops.local_response_norm, size=3, alpha=1.0, region="within_channel"), (19, 9, 5)
    ),
    "linear": Operation(partial(ops.linear, relu=True), (130,), ((1050, 130), (1050,))),
    "softmax": Operation(ops.softmax, (23,)),
    "relu": Operation(ops.relu, (3000,)),
}
