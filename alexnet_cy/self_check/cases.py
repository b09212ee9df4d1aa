"""The cases of the self-check: every kernel, its definition's result, and the bound between."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from alexnet_cy.contracts.arrays import Float32Array
from alexnet_cy.contracts.tensors import ArrayTensor
from alexnet_cy.engine.ops_convolution import convolve
from alexnet_cy.engine.packed.linear_packing import multiply_streamed, pack_linear
from alexnet_cy.kernels import _linear, _lrn, _pool, _softmax, _unit_distance
from alexnet_cy.kernels._bound import Bound
from alexnet_cy.network.windows import NO_PADDING, Padding, Pair
from alexnet_cy.oracle import definitions, perceptual
from alexnet_cy.self_check.case import Case, Compute, Exact
from alexnet_cy.self_check.resizes import resizes

__all__ = ["Case", "cases"]

UNIT_ROUNDOFF = 2.0**-24

# What Winograd's convolution may be off by, of the largest output (docs/numerics.md, Promises).
WINOGRAD_ERROR = 2e-5


def cases() -> Iterator[Case]:
    """Yield every case; exact results are computed when their case is reached."""
    yield from _convolutions()
    yield from _linear_layers()
    yield from _poolings()
    yield from _norms()
    yield from _flat_operations()
    yield from _distances()
    yield from resizes()


# x, weight, stride, padding and groups: AlexNet's convolutions with fewer filters, one of many
# images, and one of awkward sizes.
CONVOLUTIONS: tuple[tuple[str, tuple[int, ...], tuple[int, ...], Pair, Padding, int], ...] = (
    ("conv1", (1, 3, 99, 99), (35, 3, 11, 11), (4, 4), NO_PADDING, 1),
    ("conv2", (1, 96, 27, 27), (38, 48, 5, 5), (1, 1), ((2, 2), (2, 2)), 2),
    ("conv3", (1, 256, 13, 13), (48, 256, 3, 3), (1, 1), ((1, 1), (1, 1)), 1),
    ("30 images", (30, 48, 13, 13), (20, 48, 3, 3), (1, 1), ((1, 1), (1, 1)), 1),
    ("filters of 3 x 4", (3, 5, 9, 8), (35, 5, 3, 4), (1, 2), ((1, 0), (2, 1)), 1),
)

PACKED_WINOGRAD = ("winograd_weights", "winograd_input", "winograd_multiply", "winograd_output")
STREAMED_WINOGRAD = ("winograd_input", "winograd_panel")


def _convolutions() -> Iterator[Case]:
    for name, x_shape, shape, stride, padding, groups in CONVOLUTIONS:
        x, weight, bias = _normal(*x_shape), _normal(*shape), _normal(shape[0])
        settings: dict[str, Any] = {"stride": stride, "padding": padding, "groups": groups}
        linear = definitions.conv2d(x, weight, bias, **settings)
        magnitude = definitions.conv2d(np.abs(x), np.abs(weight), np.abs(bias), **settings)
        exact = np.maximum(linear, 0)
        sums = _bound_of_sums(math.prod(shape[1:]), magnitude)
        tiles = np.full(exact.shape, WINOGRAD_ERROR * np.abs(linear).max())
        for operation, kernels, algorithm, bound in (
            ("direct convolution", ("conv",), "direct", sums),
            ("im2col convolution", ("conv",), "im2col", sums),
            ("Winograd convolution", PACKED_WINOGRAD, "winograd", tiles),
            ("streamed Winograd convolution", STREAMED_WINOGRAD, "winograd", tiles),
        ):
            compute = partial(
                _convolve,
                x,
                weight,
                bias,
                exact.shape,
                **settings,
                algorithm=algorithm,
                relu=True,
                streamed=kernels == STREAMED_WINOGRAD,
            )
            yield Case(operation, kernels, name, compute, exact, bound)


def _convolve(
    x: Float32Array,
    weight: Float32Array,
    bias: Float32Array,
    shape: tuple[int, ...],
    kernels: object,
    threads: int,
    **settings: Any,
) -> Float32Array:
    n_images, out_channels, rows, columns = shape
    y = np.full((n_images, rows, columns, out_channels), np.nan, np.float32)
    convolve(x, weight, bias, y, kernels=kernels, threads=threads, **settings)
    return _nchw(y)


def _linear_layers() -> Iterator[Case]:
    weight, bias = _normal(1050, 2100), _normal(1050)
    for images in (1, 8, 70):
        x = np.maximum(_normal(images, 2100), 0)
        exact = definitions.linear(x, weight, bias, relu=True)
        magnitude = definitions.linear(x, np.abs(weight), np.abs(bias))
        bound = _bound_of_sums(weight.shape[1], magnitude)
        name = f"{images} image{'s' if images > 1 else ''}"
        for operation, kernels, multiply in (
            ("fully connected layer", ("pack_rows", "linear"), _multiply),
            ("streamed fully connected layer", ("linear_rows",), _multiply_streamed),
        ):
            compute = partial(multiply, x, weight, bias)
            yield Case(operation, kernels, name, compute, exact, bound)


def _multiply(
    x: Float32Array, weight: Float32Array, bias: Float32Array, kernels: object, threads: int
) -> Float32Array:
    y = np.full((len(x), len(weight)), np.nan, np.float32)
    packed = pack_linear(ArrayTensor(weight), bias, kernels, threads)
    _linear.Linear(packed, x, y, True).run(threads)
    return y


def _multiply_streamed(
    x: Float32Array, weight: Float32Array, bias: Float32Array, kernels: object, threads: int
) -> Float32Array:
    y = np.full((len(x), len(weight)), np.nan, np.float32)
    multiply_streamed(ArrayTensor(weight), bias, kernels, x, y, True, threads)
    return y


IMAGES = (2, 35, 13, 9)
WINDOW: tuple[Pair, Pair, Pair] = ((3, 3), (2, 2), (0, 0))  # kernel, stride, corner of the padding


def _poolings() -> Iterator[Case]:
    x = _normal(*IMAGES)
    pooled = definitions.max_pool2d(x, 3, stride=2)
    compute = _on_images(_max_pool, x, pooled.shape)
    yield Case("max pooling", ("max_pool",), "3 x 3", compute, pooled, np.zeros(pooled.shape))
    exact = definitions.adaptive_avg_pool2d(x, 6)
    magnitude = definitions.adaptive_avg_pool2d(np.abs(x), 6)
    compute = _on_images(_pool.AdaptiveAvgPool2d, x, exact.shape)
    largest_area = 4 * 3  # of 13 x 9 pixels for 6 x 6
    bound = _bound_of_sums(largest_area, magnitude)
    yield Case("average pooling", ("adaptive_avg_pool",), "6 x 6", compute, exact, bound)


def _max_pool(kernels: object, x: Float32Array, y: Float32Array) -> Bound:
    return _pool.MaxPool2d(kernels, x, y, *WINDOW)


def _norms() -> Iterator[Case]:
    x = 30 * _normal(*IMAGES)
    for size, alpha, beta, k in ((5, 1e-4, 0.75, 1.0), (5, 0.5, 0.75, 2.0), (4, 0.5, 0.5, 2.0)):
        name = f"size {size}, alpha {alpha:g}, beta {beta:g}"
        exact = definitions.local_response_norm(x, size, alpha=alpha, beta=beta, k=k)
        bound = _bound_of_norm(x, exact, size, beta)
        norm = (size, alpha, beta, k)
        compute = _on_images(partial(_norm, norm), x, exact.shape)
        yield Case("LRN", ("local_response_norm",), name, compute, exact, bound)
        pooled = definitions.max_pool2d(exact, 3, stride=2)
        compute = _on_images(partial(_norm_and_pool, norm), x, pooled.shape)
        of_window = definitions.max_pool2d(bound, 3, stride=2)
        yield Case("LRN and max pooling", ("norm_and_pool",), name, compute, pooled, of_window)
    for size, alpha, beta, k in ((3, 1.0, 0.75, 1.0), (5, 0.5, 0.5, 2.0)):
        name = f"{size} x {size}, alpha {alpha:g}, beta {beta:g}"
        exact = definitions.local_response_norm(
            x, size, alpha=alpha, beta=beta, k=k, region="within_channel"
        )
        bound = _bound_of_norm(x, exact, 2 * size, beta)  # by columns, then by rows
        compute = _on_images(partial(_norm_within, (size, alpha, beta, k)), x, exact.shape)
        yield Case("LRN within channels", ("norm_within_channel",), name, compute, exact, bound)


def _bound_of_norm(x: Float32Array, exact: Exact, additions: int, beta: float) -> Exact:
    """Bound the roundings of the sum, its power and the product."""
    roundings: Exact = np.full(exact.shape, beta * (additions + 3) + 5.5)
    if beta != 0.75:  # it is rounded itself
        roundings = roundings + beta + 2.5 + np.abs(np.log(exact / x))
    return roundings * UNIT_ROUNDOFF * np.abs(exact)


Norm = tuple[int, float, float, float]


def _norm(norm: Norm, kernels: object, x: Float32Array, y: Float32Array) -> Bound:
    return _lrn.LocalResponseNorm(kernels, x, y, *norm)


def _norm_within(norm: Norm, kernels: object, x: Float32Array, y: Float32Array) -> Bound:
    return _lrn.LocalResponseNorm(kernels, x, y, *norm, True)


def _norm_and_pool(norm: Norm, kernels: object, x: Float32Array, y: Float32Array) -> Bound:
    return _lrn.NormAndPool(kernels, x, y, norm, *WINDOW)


def _on_images(
    bind: Callable[[object, Float32Array, Float32Array], Bound],
    x: Float32Array,
    shape: tuple[int, ...],
) -> Compute:
    """Return what runs a kernel on images: they are (N, H, W, C) for it."""
    pixels = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    n_images, channels, rows, columns = shape

    def compute(kernels: object, threads: int) -> Float32Array:
        y = np.full((n_images, rows, columns, channels), np.nan, np.float32)
        bind(kernels, pixels, y).run(threads)
        return _nchw(y)

    return compute


def _flat_operations() -> Iterator[Case]:
    logits = 10 * _normal(3, 1001)
    exact = definitions.softmax(logits)
    # The difference to the maximum is rounded, which exp turns into a relative error, in every term
    # of the sum too.
    below = (logits.max(axis=1, keepdims=True) - logits).astype(np.float64)
    roundings = below + (exact * below).sum(axis=1, keepdims=True) + 6
    bound = roundings * UNIT_ROUNDOFF * exact
    compute = _on_rows(_softmax.Softmax, logits)
    yield Case("softmax", ("softmax",), "1001 classes", compute, exact, bound)
    values = _normal(3001)
    compute = _on_rows(_softmax.Relu, values)
    yield Case("ReLU", ("relu",), "3001 values", compute, definitions.relu(values), np.zeros(3001))


def _on_rows(
    bind: Callable[[object, Float32Array, Float32Array], Bound], x: Float32Array
) -> Compute:
    def compute(kernels: object, threads: int) -> Float32Array:
        y = np.full(x.shape, np.nan, np.float32)
        bind(kernels, x, y).run(threads)
        return y

    return compute


def _distances() -> Iterator[Case]:
    for channels in (35, 64):
        features = np.maximum(_normal(4, channels, 13, 9), 0)
        a, b = features[:2], features[2:]
        weight = np.abs(_normal(channels))
        exact = perceptual.unit_distance(a, b, weight, 1e-10)
        # Each quotient is off by a few roundings and those of the length of its vector, the sum of
        # the weighted squares by those of its terms.
        magnitude = perceptual.unit_distance(a, -b, weight, 1e-10)
        bound = 2 * _bound_of_sums(channels, magnitude)
        compute = partial(_compare, a, b, weight)
        name = f"{channels} channels"
        yield Case("perceptual distance", ("unit_distance",), name, compute, exact, bound)


def _compare(
    a: Float32Array, b: Float32Array, weight: Float32Array, kernels: object, threads: int
) -> Float32Array:
    pixels_a, pixels_b = (np.ascontiguousarray(x.transpose(0, 2, 3, 1)) for x in (a, b))
    distance = np.full(pixels_a.shape[:3], np.nan, np.float32)
    _unit_distance.UnitDistance(kernels, pixels_a, pixels_b, weight, 1e-10, distance).run(threads)
    return distance


def _nchw(y: Float32Array) -> Float32Array:
    return np.ascontiguousarray(y.transpose(0, 3, 1, 2))


def _normal(*shape: int) -> Float32Array:
    """Draw numbers of the standard normal distribution, always the same for a shape."""
    return np.random.default_rng(shape).standard_normal(shape, np.float32)


def _bound_of_sums(terms: int, magnitude: Exact) -> Exact:
    """Return the bound of a chain of multiply-adds (docs/numerics.md, The order of sums)."""
    bound: Exact = 4 * np.sqrt(terms + 2) * UNIT_ROUNDOFF * magnitude
    return bound
