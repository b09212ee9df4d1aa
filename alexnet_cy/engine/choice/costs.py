"""The expected cost of a step: its arithmetic and its memory, each at a measured rate.

    ms = 2e-6 (products / p + transforms / t) + 1e-6 (bytes / m + swept / v)

with p and t in GFLOP/s, two operations for a multiply-add, and m and v in GB/s. The multiply-adds
are those that the algorithm really does, channels that only fill up a vector or a panel of weights
included: Winograd's products, one for every point of every tile, and its two transforms, of m
outputs and n = m + r - 1 points along an axis of r taps:

    B^T d B    n_h n_h n_w + n_h n_w n_w    for every tile and channel
    A^T M A    m_h n_h n_w + m_h n_w m_w    for every tile and filter

Direct convolution and im2col have products alone. The bytes are the packed weights, once for every
block of images that goes through together, and the activations, read and written; im2col's patches
come to them. Layers without weights sweep over their values at a rate of their own.

Arithmetic and memory are added up and do not overlap, as that fits the measurements best: all
convolutions of caffe, ungrouped and torchvision within a fifth (docs/performance.md). Arithmetic is
shared out to the threads, each on a processor of its own; memory has a rate for one thread and one
that several do not exceed.

Fully connected layers are priced as dense. Where their inputs have zeros they read fewer weights,
but how many zeros there are is known only to the pass. The time in which threads start is not in
the model: the smallest steps, of some 0.03 ms, take longer than it says.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from alexnet_cy.engine.choice.conv_problem import ConvProblem
from alexnet_cy.engine.winograd import block_taps, cut_into_tiles, largest_tile
from alexnet_cy.kernels import _runtime
from alexnet_cy.network import Conv, Layer, Linear, Shape
from alexnet_cy.network.windows import Pair

__all__ = ["FLOAT32_BYTES", "Work", "conv_work", "expected_ms", "layer_work"]

FLOAT32_BYTES = 4


class Work(NamedTuple):
    """The work of a step, counted for one image; the weights for one block of images."""

    products: int = 0  # multiply-adds of the register tile
    transforms: int = 0  # multiply-adds of Winograd's transforms
    weight_bytes: int = 0
    data_bytes: int = 0
    swept_bytes: int = 0


class _Rates(NamedTuple):
    """The rates of one thread: GFLOP/s of multiply-adds, and GB/s of values swept over."""

    products: float
    transforms: float
    swept: float


# Fitted to AlexNet.profile of caffe, ungrouped and torchvision with every algorithm, one thread,
# batches of 1 and 8, on an AMD EPYC (Zen 3, two cores); its registers do 113 and 45 GFLOP/s of
# multiply-adds at these two levels. A wrong rate costs speed and nothing else.
_X86_64_V3 = _Rates(products=95.0, transforms=33.0, swept=11.0)
_GENERIC = _Rates(products=30.0, transforms=13.0, swept=5.0)

# The machine that these were measured on has neither AVX-512 nor NEON: both levels take the rates
# of x86-64-v3. That is right for what decides, the ratio of products to transforms to memory, if
# all of them grow alike, and it has not been measured.
_RATES = {
    "x86-64-v4": _X86_64_V3,
    "x86-64-v3": _X86_64_V3,
    "aarch64-neon": _X86_64_V3,
    "generic": _GENERIC,
}

# GB/s of weights and activations, on the same machine; its memory alone gives 23 GB/s to one thread
# and 35 to two, the rest comes from caches.
_MEMORY_OF_ONE_THREAD = 31.0
_MEMORY_OF_ALL = 38.0


def expected_ms(
    work: Work, level: str, *, batch: int = 1, block: int = 1, threads: int = 1
) -> float:
    """Estimate the time of a step.

    Parameters
    ----------
    work : Work
    level : str
        The instruction-set level.
    batch : int
        Images.
    block : int
        Images that go through together.
    threads : int

    Returns
    -------
    float
        Milliseconds for the whole batch; see the head of this file.
    """
    rates = _RATES[level]
    nbytes = work.weight_bytes * -(-batch // block) + work.data_bytes * batch
    arithmetic_ms = (
        2e-6 * batch * (work.products / rates.products + work.transforms / rates.transforms)
    )
    sweep_ms = 1e-6 * batch * work.swept_bytes / rates.swept
    memory_ms = 1e-6 * nbytes / min(threads * _MEMORY_OF_ONE_THREAD, _MEMORY_OF_ALL)
    return (arithmetic_ms + sweep_ms) / threads + memory_ms


def layer_work(
    layer: Layer, algorithm: str, input_shape: Shape, output_shape: Shape, level: str
) -> Work:
    """Count what a layer does, with this algorithm if it is a convolution.

    Parameters
    ----------
    layer : Layer
    algorithm : str
    input_shape, output_shape : tuple of int
        (C, H, W) or (F,) of one image.
    level : str
        The instruction-set level, whose vectors and panels are filled up.
    """
    if isinstance(layer, Conv):
        problem = ConvProblem.of(layer, input_shape, output_shape, reads_images=False)
        return conv_work(problem, algorithm, level)
    data_bytes = FLOAT32_BYTES * (prod(input_shape) + prod(output_shape))
    if isinstance(layer, Linear):
        weights = layer.macs(input_shape)
        return Work(products=weights, weight_bytes=FLOAT32_BYTES * weights, data_bytes=data_bytes)
    return Work(swept_bytes=data_bytes)


def conv_work(problem: ConvProblem, algorithm: str, level: str) -> Work:
    """Count what a convolution does with "winograd", "direct" or "im2col".

    Parameters
    ----------
    problem : ConvProblem
        One that the algorithm can compute.
    algorithm : str
    level : str
        As for `layer_work`.
    """
    lanes, _, panel_width = _runtime.tile_of(_runtime.kernels_of(level))
    channels = problem.in_channels // problem.groups
    filters = _fill_up(problem.out_channels // problem.groups, panel_width) * problem.groups
    pixels = prod(problem.output_size)
    input_floats = problem.in_channels * pixels * prod(problem.stride)
    data_bytes = FLOAT32_BYTES * (input_floats + problem.out_channels * pixels)
    if algorithm != "winograd":
        inputs = channels * prod(problem.kernel_size)
        patch_floats = pixels * inputs * problem.groups if algorithm == "im2col" else 0
        return Work(
            products=pixels * inputs * filters,
            weight_bytes=FLOAT32_BYTES * inputs * filters,
            data_bytes=data_bytes + FLOAT32_BYTES * patch_floats,
        )
    channels *= prod(problem.stride)  # the input is cut into blocks of the stride's size
    taps = block_taps(problem.kernel_size, problem.stride)
    points, to_points, to_outputs = _tile_sums(problem.output_size, taps)
    filled_channels = _fill_up(channels, lanes) * problem.groups
    weight_points = prod(largest_tile(r) + r - 1 for r in taps)
    return Work(
        products=points * channels * filters,
        transforms=to_points * filled_channels + to_outputs * filters,
        weight_bytes=FLOAT32_BYTES * weight_points * channels * filters,
        data_bytes=data_bytes,
    )


def _tile_sums(output_size: Pair, taps: Pair) -> tuple[int, int, int]:
    """Sum over all tiles: points, and multiply-adds of B^T d B and of A^T M A for one channel."""
    rows, columns = (
        [(m, m + r - 1) for m in cut_into_tiles(length, r)]
        for length, r in zip(output_size, taps, strict=True)
    )
    # Sums over rows and columns part into products of a sum over rows and one over columns.
    n_h, n_w = sum(n for _, n in rows), sum(n for _, n in columns)
    nn_h, nn_w = sum(n * n for _, n in rows), sum(n * n for _, n in columns)
    mn_h, mn_w = sum(m * n for m, n in rows), sum(m * n for m, n in columns)
    m_h = sum(m for m, _ in rows)
    return n_h * n_w, nn_h * n_w + n_h * nn_w, mn_h * n_w + m_h * mn_w


def _fill_up(count: int, multiple: int) -> int:
    """Round up to a multiple."""
    return -(-count // multiple) * multiple
