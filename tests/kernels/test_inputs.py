"""Every memory layout and floating-point type gives the clean copy's result; inputs stay as is."""

import array

import numpy as np
import pytest
from support.closeness import assert_same_bits
from support.operations import OPERATIONS


def misaligned(a):
    memory = np.empty(a.nbytes + 1, np.uint8)
    view = memory[1:].view(np.float32).reshape(a.shape)
    view[...] = a
    assert not view.flags.aligned
    return view


def read_only(a):
    a.setflags(write=False)
    return a


def every_other(a):
    wide = np.full((*a.shape[:-1], 2 * a.shape[-1]), np.nan, np.float32)
    wide[..., ::2] = a
    return wide[..., ::2]


def broadcast(a):
    return np.broadcast_to(a[:1], a.shape)


LAYOUTS = {
    "read-only": read_only,
    "gaps": every_other,
    "images backwards": lambda a: a[::-1].copy()[::-1],
    "last axis backwards": lambda a: a[..., ::-1].copy()[..., ::-1],
    "Fortran order": np.asfortranarray,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "broadcast": broadcast,
    "misaligned": misaligned,
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder()),
    "a subclass": lambda a: a.view(np.recarray),
    "lists": lambda a: a.astype(float).tolist(),
    "float64": lambda a: a.astype(np.float64),
    "float64, other byte order": lambda a: a.astype(">f8" if a.dtype.isnative else "<f8"),
    "long double": lambda a: a.astype(np.longdouble),
    "float16": lambda a: a.astype(np.float16),
    "float16, gaps": lambda a: every_other(a).astype(np.float16)[..., ::1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", OPERATIONS)
def test_layouts_and_types(name, layout):
    operation = OPERATIONS[name]
    # whole halves: exact in float16, and every conversion is exact
    clean = [np.round(2 * a) / 2 for a in (operation.images(3), *operation.parameters())]
    if layout == "broadcast":
        clean = [np.ascontiguousarray(broadcast(a)) for a in clean]
    given = [LAYOUTS[layout](a.copy()) for a in clean]
    before = [np.array(a) for a in given]
    computed = operation.compute(*given, threads=1)
    assert_same_bits(computed, operation.compute(*clean, threads=1))
    for now, then in zip(given, before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("name", OPERATIONS)
def test_results_are_new_arrays_of_the_callers(name):
    operation = OPERATIONS[name]
    arguments = [operation.images(2), *operation.parameters()]
    first, second = operation.compute(*arguments), operation.compute(*arguments)
    assert type(first) is np.ndarray
    assert first.flags.c_contiguous
    assert first.flags.writeable
    assert first.flags.owndata
    assert not any(np.shares_memory(first, other) for other in (*arguments, second))


@pytest.mark.parametrize("make", [bytearray, memoryview, lambda a: array.array("f", a.tolist())])
def test_buffers_are_arrays(make):
    x = np.array([-1.0, 2.5], np.float32)
    given = make(x)
    if isinstance(given, bytearray):
        given = np.frombuffer(given, np.float32)
    y = OPERATIONS["relu"].compute(given)
    np.testing.assert_array_equal(y, [0, 2.5])


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_images(name):
    operation = OPERATIONS[name]
    parameters = operation.parameters()
    y = operation.compute(operation.images(0), *parameters, threads=4)
    assert y.shape == (0, *operation.compute(operation.images(1), *parameters).shape[1:])
    assert y.dtype == np.float32


def test_a_small_float64_is_rounded_as_usual():
    x = np.array([1 / 3, 1e-50, 3.4028235e38, np.inf, -np.inf, np.nan])
    np.testing.assert_array_equal(
        OPERATIONS["relu"].compute(x),
        np.array([1 / 3, 0, 3.4028235e38, np.inf, 0, np.nan], np.float32),
    )
