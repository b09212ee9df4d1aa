"""Runs families of kernels on arrays that end, or start, at a page that must not be touched.

A program of its own, because a read beyond an array then ends it by signal SIGSEGV::

    python guard_pages.py conv winograd linear pool lrn layout softmax distance resize gradients

It prints the name of a family before it runs it. Inputs are write-protected besides. Every result
is compared with that of ordinary arrays.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from support.gradients.guard_pages import gradient_checks
from support.samples import around, normal

from alexnet_cy.contracts.tensors import ArrayTensor
from alexnet_cy.engine.packed.conv_packing import pack_array
from alexnet_cy.engine.packed.linear_packing import pack_linear
from alexnet_cy.engine.packed.winograd_packing import pack_winograd, winograd_shape
from alexnet_cy.engine.winograd import tile_cuts
from alexnet_cy.kernels import _layout, _linear, _lrn, _pool, _softmax
from alexnet_cy.kernels._unit_distance import UnitDistance
from alexnet_cy.kernels.convolution import _conv, _winograd
from alexnet_cy.kernels.convolution._winograd_streaming import StreamedWinograd
from alexnet_cy.kernels.images import _resample
from alexnet_cy.machine.levels import active_kernels

PROT_NONE, PROT_READ = 0, 1

libc = ctypes.CDLL(None, use_errno=True)
kernels = active_kernels()

Array = NDArray[Any]


def protect(address: int, n_bytes: int, protection: int) -> None:
    if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(n_bytes), protection):
        raise OSError(ctypes.get_errno(), "mprotect")


def guarded(array: Array, at_end: bool, writable: bool) -> Array:
    """Copy an array to memory between two forbidden pages, flush with the last or the first."""
    page = mmap.PAGESIZE
    body = -(-max(array.nbytes, 1) // page) * page
    mapping = mmap.mmap(-1, body + 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
    protect(start, page, PROT_NONE)
    protect(start + page + body, page, PROT_NONE)
    offset = page + (body - array.nbytes if at_end else 0)
    copy = np.frombuffer(mapping, array.dtype, array.size, offset).reshape(array.shape)
    copy[...] = array
    if not writable:
        protect(start + page, body, PROT_READ)
    return copy


def check(
    call: Callable[..., None],
    inputs: list[Array],
    output_shape: tuple[int, ...],
    dtype: type[np.generic] = np.float32,
) -> None:
    """Run ``call(*inputs, output)`` on ordinary arrays and on guarded ones."""
    expected = np.full(output_shape, 7, dtype)
    call(*inputs, expected)
    for at_end in (True, False):
        output = guarded(np.full(output_shape, 9, dtype), at_end, writable=True)
        call(*(guarded(x, at_end, writable=False) for x in inputs), output)
        np.testing.assert_array_equal(output, expected)


def conv() -> None:
    for groups, channels, filters in product((1, 2), (1, 3, 5, 17), (1, 3, 7, 17, 33)):
        for columns, (copy_columns, threads) in product((3, 20), ((False, 1), (True, 2))):

            def call(x, weight, bias, y, groups=groups, copied=copy_columns, threads=threads):
                packed = pack_array(weight, bias, groups, kernels)
                _conv.DirectConv2d(packed, x, y, 1, 2, True, copied).run(threads)

            x = normal(0, 2, 4, columns, groups * channels)
            weight, bias = normal(1, groups * filters, channels, 2, 3), normal(2, groups * filters)
            shape = (2, 3, (columns - 3) // 2 + 1, groups * filters)
            check(call, [x, weight, bias], shape)


def winograd() -> None:
    for groups, channels, filters in product((1, 2), (1, 3, 5, 17), (1, 7, 17, 33)):
        for rows, columns, threads in ((1, 1, 1), (6, 7, 2), (11, 4, 1)):

            def call(x, weight, bias, y, groups=groups, threads=threads):
                packed = pack_winograd(weight, bias, stride=(1, 1), groups=groups, kernels=kernels)
                cuts = tile_cuts(y.shape[1], 3), tile_cuts(y.shape[2], 2)
                _winograd.WinogradConv2d(packed, x, y, *cuts, True).run(threads)

            def streamed_call(x, weight, bias, y, groups=groups, threads=threads):
                shape = winograd_shape(weight.shape, stride=(1, 1), groups=groups, kernels=kernels)
                cuts = tile_cuts(y.shape[1], 3), tile_cuts(y.shape[2], 2)
                with StreamedWinograd(shape, bias, x, y, *cuts, True, threads) as streamed:
                    streamed.take_filters(0, weight, threads)

            x = normal(0, 2, rows + 2, columns + 1, groups * channels)
            weight, bias = normal(1, groups * filters, channels, 3, 2), normal(2, groups * filters)
            for convolve in call, streamed_call:
                check(convolve, [x, weight, bias], (2, rows, columns, groups * filters))


def linear() -> None:
    for images, depth, width in product((1, 2, 7), (1, 5, 65), (1, 15, 17, 64, 513)):
        arrays = [normal(0, images, depth), normal(1, width, depth), normal(2, width)]
        for threads in 1, 2:

            def call(x, weight, bias, y, threads=threads):
                packed = pack_linear(ArrayTensor(weight), bias, kernels, threads)
                _linear.Linear(packed, x, y, False).run(threads)

            check(call, arrays, (images, width))

        def call_by_rows(x, weight, bias, y):
            _linear.linear_rows(kernels, weight, bias, x, y, 0, False)

        check(call_by_rows, arrays, (images, width))


def pool() -> None:
    def maximum(x, y):
        _pool.MaxPool2d(kernels, x, y, (3, 2), (2, 1), (1, 1)).run(1)

    def average(x, y):
        _pool.AdaptiveAvgPool2d(kernels, x, y).run(1)

    for channels in range(1, 36):
        x = normal(0, 2, 5, 4, channels)
        check(maximum, [x], (2, 3, 4, channels))
        check(average, [x], (2, 3, 7, channels))


def lrn() -> None:
    for channels, size, beta in product(range(1, 36), (1, 2, 3, 5, 80), (0.75, 0.5)):

        def call(x, y, size=size, beta=beta):
            _lrn.LocalResponseNorm(kernels, x, y, size, 1.0, beta, 1.0).run(1)

        check(call, [normal(0, 2, 2, 3, channels)], (2, 2, 3, channels))
        if size % 2 == 0:
            continue

        def within(x, y, size=size, beta=beta):
            _lrn.LocalResponseNorm(kernels, x, y, size, 1.0, beta, 1.0, True).run(2)

        check(within, [normal(0, 2, 2, 3, channels)], (2, 2, 3, channels))


def layout() -> None:
    def channels_last(x, y):
        _layout.nchw_to_nhwc(x, y, 1)

    def channels_first(x, y):
        _layout.NhwcToNchw(x, y).run(1)

    def blocks(x, y):
        _layout.space_to_depth(x, y, (2, 3), (1, 2), 1)

    for channels, rows, columns in product((1, 3, 4, 8, 16, 17), (1, 4), (1, 5, 16)):
        check(channels_last, [normal(0, 2, channels, rows, columns)], (2, rows, columns, channels))
        check(channels_first, [normal(0, 2, rows, columns, channels)], (2, channels, rows, columns))
        for down, across in product((1, 2, 4), (1, 3, 7)):
            check(blocks, [normal(0, 2, channels, rows, columns)], (2, down, across, 6 * channels))


def softmax() -> None:
    def normalised(x, y):
        _softmax.Softmax(kernels, x, y).run(1)

    def cut_off(x, y):
        _softmax.Relu(kernels, x, y).run(2)

    for length in around(1, 4, 8, 16, 32, 1000):
        check(normalised, [normal(0, 3, length)], (3, length))
    for length in around(1, 4, 8, 16, 32, 65536, 131072):
        check(cut_off, [normal(0, length)], (length,))


def distance() -> None:
    def compare(a, b, weight, y):
        UnitDistance(kernels, a, b, weight, 1e-10, y).run(2)

    for channels in range(1, 36):
        arrays = [normal(0, 2, 3, 2, channels), normal(1, 2, 3, 2, channels), normal(2, channels)]
        check(compare, arrays, (2, 3, 2))


def resize() -> None:
    def across(x, first, count, weight, y):
        _resample.resample_columns(kernels, x, first, count, weight, y)

    def down(x, first, count, weight, y):
        _resample.resample_rows(kernels, x, first, count, weight, y)

    for width, taps in product((1, 2, 5, 9), (1, 2, 3, 5)):
        outputs = width + 2
        count = np.full(outputs, min(taps, width), np.int32)
        first = (np.arange(outputs, dtype=np.int32) % (width - count + 1)).astype(np.int32)
        axis = [first, count, np.full((outputs, taps), 2**22 // taps, np.int32)]
        pixels = np.arange(3 * width * 4, dtype=np.uint8).reshape(3, width, 4)
        check(across, [pixels, *axis], (3, outputs, 3), np.uint8)
        for n in around(1, 4, 8, 16, 32, 64):
            rows = np.arange(width * n, dtype=np.uint32).astype(np.uint8).reshape(width, n)
            check(down, [rows, *axis], (outputs, n), np.uint8)


def gradients() -> None:
    gradient_checks(check, kernels)


def beyond() -> None:
    """Read one float too many, to prove that the guard is there."""
    x = guarded(normal(0, 10), at_end=True, writable=False)
    ctypes.c_float.from_address(x.ctypes.data + x.nbytes).value  # noqa: B018


if __name__ == "__main__":
    for family in sys.argv[1:]:
        print(family, flush=True)
        globals()[family]()
