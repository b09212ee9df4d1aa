"""The kernels of the backward pass on guarded arrays: families for `guard_pages`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from support.samples import normal

from alexnet_cy.contracts.tensors import ArrayTensor
from alexnet_cy.engine.packed.conv_packing import pack_array
from alexnet_cy.engine.packed.linear_packing import pack_linear
from alexnet_cy.engine.packed.winograd_packing import winograd_shape
from alexnet_cy.engine.winograd import tile_cuts
from alexnet_cy.kernels.training import _lrn_gradients, _pool_gradients
from alexnet_cy.kernels.training._conv_gradients import ChannelSums, ConvWeightGradient
from alexnet_cy.kernels.training._dropout import dropout
from alexnet_cy.kernels.training._linear_gradients import LinearDataGradient, LinearWeightGradient
from alexnet_cy.kernels.training._loss import cross_entropy
from alexnet_cy.kernels.training._update import sgd
from alexnet_cy.kernels.training._winograd_gradients import (
    WinogradKernelGradient,
    WinogradWeightGradient,
    transformed_floats,
)

__all__ = ["gradient_checks"]

Check = Callable[..., None]


def gradient_checks(check: Check, kernels: object) -> None:
    """Run them all; `check` is that of `guard_pages`."""
    _conv(check, kernels)
    _linear(check, kernels)
    _images(check, kernels)
    _rows(check, kernels)


def _conv(check: Check, kernels: object) -> None:
    for groups, channels, filters in product((1, 2), (1, 5, 17), (1, 7, 17, 33)):
        shape = (groups * filters, channels, 3, 2)
        like = pack_array(np.zeros(shape, np.float32), None, groups, kernels)
        winograd = winograd_shape(shape, stride=(1, 1), groups=groups, kernels=kernels)
        x, e = normal(0, 2, 7, 6, groups * channels), normal(1, 2, 5, 5, groups * filters)

        def direct(x, e, gradient, like=like):
            ConvWeightGradient(like, x, e, gradient, 1, 1, False).run(2)

        def adjoint(x, e, du, winograd=winograd):
            cuts = tile_cuts(5, 3), tile_cuts(5, 2)
            WinogradWeightGradient(winograd, x, e, du, *cuts, False).run(2)

        def kernel(du, gradient, winograd=winograd):
            WinogradKernelGradient(winograd, du, gradient).run(1)

        def bias(e, gradient, groups=groups):
            ChannelSums(kernels, e, gradient, groups, False).run(1)

        n_floats, n_transformed = like.weight_memory.nbytes // 4, transformed_floats(winograd)
        check(direct, [x, e], (n_floats,))
        check(adjoint, [x, e], (n_transformed,))
        check(kernel, [normal(2, n_transformed)], (n_floats,))
        check(bias, [e], (groups * filters,))


def _linear(check: Check, kernels: object) -> None:
    for images, inputs, outputs in product((1, 2, 7), (1, 5, 97), (1, 15, 17, 33)):
        packed = pack_linear(ArrayTensor(normal(0, outputs, inputs)), None, kernels, 1)

        def weights(x, e, gradient, packed=packed):
            gradient[:] = 0
            LinearWeightGradient(packed, x, e, gradient, False).run(2)

        def data(e, mask, dx, packed=packed):
            LinearDataGradient(packed, e, dx, mask, 2.0).run(2)

        x, e = normal(1, images, inputs), normal(2, images, outputs)
        check(weights, [x, e], (packed.row_stride * inputs,))
        check(data, [e, x], (images, inputs))


def _images(check: Check, kernels: object) -> None:
    window, norm = ((3, 2), (2, 1), (1, 1)), (5, 1.0, 0.75, 1.0)
    for channels in (1, 3, 4, 8, 15, 16, 17, 33, 64):
        x, dy = normal(0, 2, 5, 4, channels), normal(1, 2, 3, 4, channels)
        winners = np.empty(dy.shape, np.uint8)

        def maximum(x, y, winners=winners):
            _pool_gradients.MaxPoolWinners(kernels, x, y, winners, *window).run(1)

        def spread(dy, mask, dx, winners=winners):
            _pool_gradients.MaxPoolGradient(kernels, dy, winners, dx, *window, mask).run(1)

        def both(x, dy, dx, winners=winners):
            _lrn_gradients.NormAndPoolGradient(
                kernels, x, dy, winners, dx, norm, *window, True
            ).run(1)

        def average(dy, dx):
            _pool_gradients.AdaptiveAvgPoolGradient(kernels, dy, dx).run(1)

        def mask(y, dy, dx):
            _pool_gradients.ReluGradient(kernels, y, dy, dx, 2.0).run(1)

        check(maximum, [x], dy.shape)
        check(spread, [dy, x], x.shape)
        check(both, [x, dy], x.shape)
        check(average, [dy], x.shape)
        check(mask, [x, normal(2, *x.shape)], x.shape)
        for size, beta in product((1, 5, 80), (0.75, 0.5)):

            def turn(x, dy, dx, size=size, beta=beta):
                _lrn_gradients.NormGradient(kernels, x, dy, dx, size, 1.0, beta, 1.0, True).run(1)

            check(turn, [x, normal(2, *x.shape)], x.shape)

            def within(x, dy, dx, size=size | 1, beta=beta):
                norm = size, 1.0, beta, 1.0
                _lrn_gradients.NormWithinGradient(kernels, x, dy, dx, *norm, True).run(3)

            check(within, [x, normal(2, *x.shape)], x.shape)


def _rows(check: Check, kernels: object) -> None:
    for length in (1, 3, 5, 16, 17, 1000):
        labels, images = np.array([0, length - 1]), np.array([3, 8])

        def loss(z, dz, labels=labels):
            cross_entropy(kernels, z, labels, None, 1.0, dz, np.empty(2), 1)

        def drop(x, y, images=images):
            dropout(kernels, x, y, 0.5, 1, 2, 3, images, 1)

        def update(gradient, weight):
            weight[:] = 1
            sgd(kernels, weight, gradient, np.zeros_like(weight), 0.1, 0.9, 1e-4, True, 1)

        check(loss, [normal(0, 2, length)], (2, length))
        check(drop, [normal(0, 2, length)], (2, length))
        check(update, [normal(0, length)], (length,))
