"""Every refusal of `ops` names the argument, what came and what is needed."""

import re

import numpy as np
import pytest

from alexnet_cy import ops
from alexnet_cy.engine.choice.conv_algorithms import algorithm_names
from alexnet_cy.machine.threads import MAX_THREADS


def ones(*shape):
    return np.ones(shape, np.float32)


IMAGES, FILTERS, MATRIX = ones(2, 4, 5, 6), ones(8, 4, 3, 3), ones(3, 4)


def conv(x=IMAGES, weight=FILTERS, bias=None, **settings):
    return lambda: ops.conv2d(x, weight, bias, **settings)


def pool(x=IMAGES, kernel_size=3, **settings):
    return lambda: ops.max_pool2d(x, kernel_size, **settings)


def average(x=IMAGES, output_size=2, **settings):
    return lambda: ops.adaptive_avg_pool2d(x, output_size, **settings)


def norm(x=IMAGES, size=5, **settings):
    return lambda: ops.local_response_norm(x, size, **settings)


def linear(x=MATRIX, weight=MATRIX, bias=None, **settings):
    return lambda: ops.linear(x, weight, bias, **settings)


WRONG_TYPES = {
    "int64": np.ones((2, 4, 5, 6), np.int64),
    "uint8": np.ones((2, 4, 5, 6), np.uint8),
    "bool": np.ones((2, 4, 5, 6), bool),
    "complex64": np.ones((2, 4, 5, 6), np.complex64),
    "object": np.ones((2, 4, 5, 6), object),
    "datetime64[s]": np.zeros((2, 4, 5, 6), "M8[s]"),
    "void32": np.zeros((2, 4, 5, 6), [("pixel", "f4")]),
    "str32": np.full((2, 4, 5, 6), "1"),
}


@pytest.mark.parametrize("call", [conv, pool, average, norm])
@pytest.mark.parametrize("name", WRONG_TYPES)
def test_types_of_images(call, name):
    hint = "; images in uint8 go through preprocess, classify or features"
    expected = f"x: need floating-point numbers (float32), got {name}"
    with pytest.raises(TypeError, match=re.escape(expected + hint * (name == "uint8")) + "$"):
        call(WRONG_TYPES[name])()


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (conv(weight=FILTERS.astype(int)), "weight"),
        (conv(bias=range(8)), "bias"),
        (linear(MATRIX.astype(int)), "x"),
        (linear(weight=MATRIX.astype(int)), "weight"),
        (linear(bias=[1, 2, 3]), "bias"),
        (lambda: ops.relu([1, 2]), "x"),
        (lambda: ops.relu(3), "x"),
        (lambda: ops.softmax([[1, 2]]), "x"),
    ],
)
def test_integers_are_refused_everywhere(call, argument):
    with pytest.raises(TypeError, match=rf"^{argument}: need floating-point numbers .*got int64$"):
        call()


@pytest.mark.parametrize("call", [conv, pool, average, norm])
@pytest.mark.parametrize("shape", [(), (5,), (4, 5, 6), (1, 2, 4, 5, 6)])
def test_images_have_four_axes(call, shape):
    expected = f"x: need 4 axes (N, C, H, W), got shape {shape}"
    with pytest.raises(ValueError, match=re.escape(expected)):
        call(ones(*shape))()


MASKED = np.ma.masked_array(IMAGES, mask=False)
TOO_LARGE = np.full((2, 4, 5, 6), 1e39)
GROUPED = ones(8, 2, 3, 3)

TYPE_ERRORS = [
    (conv(MASKED), "x: masked arrays have no defined result, got one; fill it first"),
    (lambda: ops.relu(MASKED), "x: masked arrays have no defined result"),
    (conv(stride=1.5), "stride: need a whole number or two of them, (height, width), got 1.5"),
    (conv(stride=(1, 2, 3)), "stride: need a whole number or two of them"),
    (conv(stride=True), "stride: need a whole number or two of them, (height, width), got True"),
    (conv(padding="same"), "padding: need a whole number or two of them"),
    (conv(padding=(1, 2, 3)), "padding: need a whole number, (height, width) or ((top, bottom), "),
    (conv(groups=2.0), "groups: need a whole number from 1 up, got 2.0"),
    (conv(groups=(2, 2)), "groups: need a whole number from 1 up, got (2, 2)"),
    (conv(groups=True), "groups: need a whole number from 1 up, got True"),
    (pool(kernel_size=None), "kernel_size: need a whole number or two of them"),
    (average(output_size=2.5), "output_size: need a whole number or two of them"),
    (norm(size=(5, 3)), "size: need a whole number from 1 up, got (5, 3)"),
    (norm(alpha=None), "alpha: need a real number, got None"),
    (norm(beta="0.75"), "beta: need a real number, got '0.75'"),
    (norm(k=1j), "k: need a real number, got 1j"),
    (norm(threads=1.5), "threads: need a whole number or None, got 1.5"),
    (norm(threads=True), "threads: need a whole number or None, got True"),
    (norm(threads="2"), "threads: need a whole number or None, got '2'"),
]

VALUE_ERRORS = [
    (conv(TOO_LARGE), "x: has finite values beyond float32's largest, 3.4e38"),
    (lambda: ops.relu(np.array([np.inf, -1e300])), "x: has finite values beyond float32's"),
    (
        conv(weight=np.full((8, 4, 3, 3), -1e39)),
        "weight: has finite values beyond float32's largest",
    ),
    (lambda: ops.relu([[1.0], [1.0, 2.0]]), "x: need an array of numbers: "),
    (conv(weight=ones(8, 4)), "weight: need 4 axes (O, C / groups, R, S), got shape (8, 4)"),
    (conv(weight=ones(8, 4, 0, 3)), "weight: no axis may be empty, got shape (8, 4, 0, 3)"),
    (conv(bias=ones(8, 1)), "bias: need 1 axis (O,), got shape (8, 1)"),
    (conv(bias=ones(7)), "bias: need shape (8,), got (7,)"),
    (conv(groups=0), "groups: need a whole number from 1 up, got 0"),
    (conv(groups=3), "groups: 3 must divide the 4 channels of x and the 8 of weight"),
    (
        conv(weight=ones(9, 2, 3, 3), groups=2),
        "groups: 2 must divide the 4 channels of x and the 9 of weight",
    ),
    (
        conv(groups=2),
        "weight: need 2 input channels per filter for 4 channels of x in 2 groups, got 4",
    ),
    (conv(stride=0), "stride: need a whole number from 1 up, got 0"),
    (conv(stride=(1, -1)), "stride: need a whole number from 1 up, got -1"),
    (conv(padding=-1), "padding: need a whole number from 0 up, got -1"),
    (conv(padding=3), "padding: need less than the kernel, 3x3, got 3"),
    (conv(padding=((0, 0), (3, 0))), "padding: need less than the kernel, 3x3, got ((0, 0), "),
    (
        conv(ones(2, 4, 2, 6)),
        "x: the 3x3 kernel does not fit images of 2x6 with padding ((0, 0), (0, 0))",
    ),
    (conv(ones(2, 4, 0, 0)), "x: the 3x3 kernel does not fit images of 0x0"),
    (conv(algorithm="fft"), f"algorithm: need one of {', '.join(algorithm_names())}, got 'fft'"),
    (
        conv(weight=GROUPED, groups=2, stride=2, algorithm="winograd"),
        "algorithm: 'winograd' cannot compute a 3x3 convolution of stride (2, 2) in 2 groups; "
        "these can: direct, im2col",
    ),
    (pool(kernel_size=0), "kernel_size: need a whole number from 1 up, got 0"),
    (pool(kernel_size=6), "x: the 6x6 kernel does not fit images of 5x6 with padding"),
    (pool(stride=0), "stride: need a whole number from 1 up, got 0"),
    (pool(padding=3), "padding: need less than the kernel, 3x3, got 3"),
    (average(output_size=0), "output_size: need a whole number from 1 up, got 0"),
    (average(ones(2, 4, 0, 6)), "x: the image is empty, got shape (2, 4, 0, 6)"),
    (norm(size=0), "size: need a whole number from 1 up, got 0"),
    (linear(ones(4)), "x: need 2 axes (N, I), got shape (4,)"),
    (linear(weight=ones(4)), "weight: need 2 axes (O, I), got shape (4,)"),
    (linear(weight=ones(3, 0)), "weight: no axis may be empty, got shape (3, 0)"),
    (linear(ones(2, 5)), "x: need shape (N, 4) for weight of shape (3, 4), got (2, 5)"),
    (linear(bias=ones(4)), "bias: need shape (3,), got (4,)"),
    (linear(bias=ones(3, 1)), "bias: need 1 axis (O,), got shape (3, 1)"),
    (lambda: ops.softmax(ones(3)), "x: need 2 axes (N, F), got shape (3,)"),
    (norm(threads=0), f"threads: need 1 to {MAX_THREADS}, or a negative number to count from"),
    (norm(threads=10**9), "(-1 is all of them), got 1000000000"),
]


@pytest.mark.parametrize(
    ("call", "message"), TYPE_ERRORS, ids=[message for _, message in TYPE_ERRORS]
)
def test_types(call, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        call()


@pytest.mark.parametrize(
    ("call", "message"), VALUE_ERRORS, ids=[message for _, message in VALUE_ERRORS]
)
def test_values(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


@pytest.mark.parametrize(
    "call",
    [conv, pool, average, norm, linear, lambda **s: lambda: ops.relu(IMAGES, **s)],
)
def test_every_operation_looks_at_threads(call):
    with pytest.raises(ValueError, match=r"threads: need 1 to \d+, .* got 0$"):
        call(threads=0)()


@pytest.mark.parametrize("output_size", [10**7, 10**12, 10**30])
def test_more_memory_than_there_is(output_size):
    with pytest.raises(MemoryError, match=r"cannot allocate \d+"):
        ops.adaptive_avg_pool2d(IMAGES, output_size)


@pytest.mark.parametrize("number", [np.int8(2), np.uint64(2), np.int64(2)])
def test_integers_of_numpy_are_integers(number):
    expected = ops.conv2d(IMAGES, GROUPED, groups=2, stride=2, padding=2, threads=2)
    y = ops.conv2d(IMAGES, GROUPED, groups=number, stride=number, padding=number, threads=number)
    np.testing.assert_array_equal(y, expected)
