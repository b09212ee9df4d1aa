"""Rows of a tensor whose checksum is over all of them."""

import zlib
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexnet_cy.errors import WeightsError
from alexnet_cy.weights.arrays.checked_rows import join_crc32
from alexnet_cy.weights.files import open_file
from alexnet_cy.weights.stored_floats import BlockTensor

OFFSET = 20
STARTS = range(0, 23, 5)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_the_checksum_of_two_parts(first, second):
    joined = join_crc32(zlib.crc32(first), zlib.crc32(second), len(second))
    assert joined == zlib.crc32(first + second)
    assert join_crc32(zlib.crc32(first), joined, len(second)) == zlib.crc32(second)


def test_the_checksum_of_large_parts():
    first, second = bytes(70_000), b"alexnet" * 123_457
    assert join_crc32(zlib.crc32(first), zlib.crc32(second), len(second)) == zlib.crc32(
        first + second
    )


@pytest.fixture(params=["<f4", "<f2", "<f8"])
def stored(request):
    return np.random.default_rng(0).standard_normal((23, 7)).astype(request.param)


def rows_of(stored, folder, *, flipped_byte=None):
    data = bytearray(stored.tobytes())
    crc32 = zlib.crc32(data)
    if flipped_byte is not None:
        data[flipped_byte] ^= 1
    path = folder / "rows"
    path.write_bytes(bytes(OFFSET) + data)
    dtype = {2: "F16", 4: "F32", 8: "F64"}[stored.itemsize]
    return BlockTensor(open_file(path), OFFSET, dtype, stored.shape, crc32).read_rows


@pytest.mark.parametrize("starts", [STARTS, STARTS[::-1], [10, 0, 20, 5, 15, 5]])
def test_rows_in_any_order(stored, starts, tmp_path):
    read_rows = rows_of(stored, tmp_path)
    for _ in range(2):
        found = np.full(stored.shape, np.nan, np.float32)
        for first in starts:
            read_rows(first, found[first : first + 5])
        np.testing.assert_array_equal(found, stored.astype(np.float32))


def test_damage_is_found_when_all_rows_have_been_read(stored, tmp_path):
    read_rows = rows_of(stored, tmp_path, flipped_byte=3)
    *others, last = STARTS
    for first in others:
        read_rows(first, np.empty((5, 7), np.float32))
    with pytest.raises(WeightsError, match="corrupt: the checksum at offset 20 differs"):
        read_rows(last, np.empty((3, 7), np.float32))
    # Another thread may have read some of the others before: it hears of it too.
    with pytest.raises(WeightsError, match="corrupt: the checksum at offset 20 differs"):
        read_rows(0, np.empty((5, 7), np.float32))


def test_parts_of_other_sizes_do_not_complete_one_another(stored, tmp_path):
    """Rows 0 to 4 and 3 to 22 have been read, but no parts that lie side by side."""
    read_rows = rows_of(stored, tmp_path, flipped_byte=3)
    read_rows(0, np.empty((5, 7), np.float32))
    read_rows(3, np.empty((20, 7), np.float32))
    with pytest.raises(WeightsError, match="checksum"):
        read_rows(0, np.empty((3, 7), np.float32))


def test_readers_at_the_same_time(stored, tmp_path):
    read_rows = rows_of(stored, tmp_path, flipped_byte=-1)
    errors = []

    def read_some(starts):
        for first in starts:
            try:
                read_rows(first, np.empty((len(stored[first : first + 5]), 7), np.float32))
            except WeightsError as error:
                errors.append(error)

    threads = [Thread(target=read_some, args=(STARTS[i::3],)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors
