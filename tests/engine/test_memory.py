"""Memory for weights and activations, and what is kept of it between two uses."""

import mmap
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from alexnet_cy.engine.arrays import aligned_zeros, array_on
from alexnet_cy.kernels._runtime import AlignedMemory, give_back, take_scratch

HUGE_PAGE = 2 << 20


@pytest.mark.parametrize(
    "size", [0, 1, 4096, HUGE_PAGE - 1, HUGE_PAGE, HUGE_PAGE + 1, 5 * HUGE_PAGE]
)
def test_memory_begins_on_a_page_and_is_zero(size):
    """Large memory on a huge page. Blocks that lie side by side do not share a byte."""
    blocks = [AlignedMemory(size) for _ in range(5)]
    for number, block in enumerate(blocks, 1):
        assert block.nbytes == size
        assert block.address % (HUGE_PAGE if size >= HUGE_PAGE else mmap.PAGESIZE) == 0
        data = np.frombuffer(block, np.uint8)
        assert not data.any()
        data[...] = number
    for number, block in enumerate(blocks, 1):
        assert (np.frombuffer(block, np.uint8) == number).all()
    del data
    while blocks:
        blocks.pop(len(blocks) // 2)
        for block in blocks:
            assert np.frombuffer(block, np.uint8).min(initial=1) > 0


@pytest.mark.parametrize("size", [1 << 62, 1 << 63])
def test_memory_that_is_not_there(size):
    with pytest.raises(MemoryError, match=r"^cannot allocate "):
        AlignedMemory(size)


def test_arrays_on_memory():
    memory = AlignedMemory(100)
    array_on(memory, (2, 3))[...] = 1
    assert np.frombuffer(memory, np.float32).sum() == 6
    assert aligned_zeros((4, 5)).shape == (4, 5)
    assert aligned_zeros((0, 5)).size == 0


def test_scratch_is_used_again():
    first = take_scratch(3000)
    address = first.address
    give_back(first)
    del first
    again = take_scratch(3000)
    assert again.nbytes >= 3000
    taken = [take_scratch(3000) for _ in range(20)]
    assert len({again.address, *(one.address for one in taken)}) == 21
    for one in taken:
        give_back(one)
    assert address in {again.address, *(one.address for one in taken)}


def test_large_scratch_is_kept_and_the_smallest_goes():
    large = [take_scratch((100 << 20) + i) for i in range(8)]
    sizes = sorted(one.nbytes for one in large)
    for one in large:
        give_back(one)
    give_back(take_scratch(10))
    del large, one
    kept = [take_scratch(100 << 20) for _ in range(5)]
    assert sorted(one.nbytes for one in kept) == sizes[-5:]
    assert take_scratch(100 << 20).nbytes == 100 << 20


def test_threads_never_hold_the_same_scratch():
    """Each marks what it takes, lets others run, and finds its mark."""

    def take_and_give(thread):
        for turn in range(200):
            memory = take_scratch(64 << (thread + turn) % 8)
            data = np.frombuffer(memory, np.uint8)
            data[:64] = thread
            time.sleep(0)
            assert (data[:64] == thread).all()
            give_back(memory)

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(take_and_give, thread) for thread in range(8)]:
            done.result()
