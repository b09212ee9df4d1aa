# How a convolution is cut: its sum into blocks of weights that fit a cache, its output into tiles
# for the threads.
from libc.stdlib cimport free, malloc

from kernels cimport ACY_CONV_PIXELS, acy_conv, acy_segment


cdef enum:
    # The longest block of the sum over k. A panel's block of weights, 768 x 16 floats on AVX2, is
    # 48 KiB; shorter blocks only add loads and stores of the output (benchmarks/results/gemm.md).
    BLOCK_DEPTH = 768
    # Pixels whose patches im2col copies at a time: 64 x 768 floats = 192 KiB of the L2 cache.
    COLUMN_PIXELS = 64
    # Output pixels of a tile given to one thread, at least this many multiply-adds worth, so that
    # the indirect call and the hand-over cost nothing beside it (about 40 us at 50 GMAC/s).
    TILE_MACS = 2_000_000


cdef struct Blocks:
    acy_segment *segments
    Py_ssize_t *ends
    Py_ssize_t n_blocks
    Py_ssize_t longest


cdef inline Blocks cut_patch(
    Py_ssize_t rows, Py_ssize_t run, Py_ssize_t runs, Py_ssize_t row_stride, Py_ssize_t run_stride
) except *:
    """Cut a patch, `rows` x `runs` runs of `run` floats, into blocks of about BLOCK_DEPTH floats.

    The blocks are of about the same length; a run longer than a block is cut across blocks.
    """
    cdef Py_ssize_t depth = rows * runs * run
    cdef Py_ssize_t n_blocks = max(1, (depth + BLOCK_DEPTH - 1) // BLOCK_DEPTH)
    cdef Py_ssize_t most = rows * runs + n_blocks
    cdef Blocks cut
    cut.segments = <acy_segment *> malloc(most * sizeof(acy_segment))
    cut.ends = <Py_ssize_t *> malloc(n_blocks * sizeof(Py_ssize_t))
    if cut.segments is NULL or cut.ends is NULL:
        free(cut.segments)
        free(cut.ends)
        raise MemoryError(f"no memory for a convolution of depth {depth}")
    cut.n_blocks = n_blocks
    cut.longest = (depth + n_blocks - 1) // n_blocks
    cdef Py_ssize_t n = 0, block = 0, k = 0, r, i, start, length, block_end
    for r in range(rows):
        for i in range(runs):
            start = 0
            while start < run:
                block_end = (block + 1) * depth // n_blocks
                length = min(run - start, block_end - k)
                cut.segments[n].offset = r * row_stride + i * run_stride + start
                cut.segments[n].length = length
                n += 1
                start += length
                k += length
                if k == block_end:
                    cut.ends[block] = n
                    block += 1
    return cut


cdef struct OutputTiles:
    Py_ssize_t pixels, n_pixel_tiles
    Py_ssize_t panels, n_panel_tiles
    Py_ssize_t n_tiles


cdef inline OutputTiles cut_output(
    const acy_conv *conv, Py_ssize_t n_pixels, Py_ssize_t groups, Py_ssize_t panel_width,
    int n_threads
) noexcept nogil:
    """Cut the output, pixels x out channels x groups, into tiles for the threads.

    As many pixels a tile as one call of the kernel takes; then, while there are fewer than four
    tiles a thread and a tile is worth the hand-over, fewer panels of out channels.
    """
    cdef OutputTiles tiles
    cdef Py_ssize_t most = COLUMN_PIXELS if conv.copy_columns else ACY_CONV_PIXELS
    cdef Py_ssize_t n_panels = (conv.out_channels + panel_width - 1) // panel_width
    tiles.n_pixel_tiles = (n_pixels + most - 1) // most
    tiles.pixels = (n_pixels + tiles.n_pixel_tiles - 1) // tiles.n_pixel_tiles
    tiles.panels = n_panels
    cdef Py_ssize_t panel_macs = max(1, tiles.pixels * panel_width * conv.depth)
    while (
        n_threads > 1 and tiles.panels > 1 and (tiles.panels // 2) * panel_macs >= TILE_MACS
        and tiles.n_pixel_tiles * groups * ((n_panels + tiles.panels - 1) // tiles.panels)
        < 4 * n_threads
    ):
        tiles.panels = (tiles.panels + 1) // 2
    tiles.n_panel_tiles = (n_panels + tiles.panels - 1) // tiles.panels
    tiles.n_tiles = groups * tiles.n_panel_tiles * tiles.n_pixel_tiles
    return tiles
