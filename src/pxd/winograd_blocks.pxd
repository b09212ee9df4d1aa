# How the tiles of a Winograd convolution are cut into blocks for the threads; and what one thread
# does by itself.
from kernels cimport ACY_WINOGRAD_TILES, acy_kernels, acy_winograd, acy_winograd_tile


cdef enum:
    # A block's V and M are about this large: 1 MiB, between the L2 caches of today's servers.
    BLOCK_FLOATS = 262144
    # but no fewer tiles: every block reads all of the transformed weights, and that many rows of
    # V make as many multiply-adds for each of them.
    FEWEST_TILES = 24
    # Weights of more than 4 MiB, those of conv3 to conv5, come from memory: read again for every
    # such block, by every thread, they would keep it busy. So threads share blocks of 9 MiB, which
    # the last cache holds: eight images of conv3.
    LARGE_WEIGHT_FLOATS = 1048576
    SHARED_BLOCK_FLOATS = 2359296


cdef inline const char *layer_capsule_name() noexcept nogil:
    """Return the name of the capsules around `const acy_winograd *`."""
    return "alexnet_cy.winograd_layer"


cdef struct Cut:
    # How the tiles are shared out.
    Py_ssize_t n_tiles    # of one group
    Py_ssize_t n_blocks   # of one group
    Py_ssize_t n_jobs     # blocks of all groups
    bint shared           # threads share the steps of a block
    Py_ssize_t largest    # tiles of the largest block


cdef inline Cut cut_into_blocks(
    Py_ssize_t n_tiles, Py_ssize_t tile_floats, Py_ssize_t weight_floats, Py_ssize_t groups,
    Py_ssize_t threads
) noexcept nogil:
    """Cut the tiles of every group into blocks whose V and M, `tile_floats` a tile, fit a cache.

    `weight_floats` are the transformed weights of a group.
    """
    cdef Cut cut
    cdef bint rereads = (
        threads > 1 and weight_floats > LARGE_WEIGHT_FLOATS and n_tiles > FEWEST_TILES
    )
    cdef Py_ssize_t block_floats = SHARED_BLOCK_FLOATS if rereads else BLOCK_FLOATS
    cdef Py_ssize_t most = min(
        ACY_WINOGRAD_TILES, max(FEWEST_TILES, block_floats // tile_floats)
    )
    cut.n_tiles = n_tiles
    cut.n_blocks = (n_tiles + most - 1) // most
    cut.n_jobs = groups * cut.n_blocks
    cut.shared = rereads or cut.n_jobs < threads
    if not cut.shared and cut.n_jobs % threads:
        # As many blocks for every thread, if they stay large enough.
        cut.n_jobs = (cut.n_jobs + threads - 1) // threads * threads
        if cut.n_jobs % groups == 0:
            cut.n_blocks = cut.n_jobs // groups
        cut.n_jobs = groups * cut.n_blocks
    cut.largest = (n_tiles + cut.n_blocks - 1) // cut.n_blocks
    return cut


cdef inline Py_ssize_t count_panels(
    const acy_winograd *layer, const acy_kernels *kernels
) noexcept nogil:
    """Count the panels of a group's out channels."""
    return (layer.out_channels + kernels.panel_width - 1) // kernels.panel_width


cdef inline void describe_group(
    const acy_winograd *layer, Py_ssize_t padded_out_channels, Py_ssize_t group,
    acy_winograd *described
) noexcept nogil:
    """Describe one group's part of a layer: its bias, and its weights if there are any."""
    cdef Py_ssize_t first = group * padded_out_channels
    described[0] = layer[0]
    described.bias += first
    if layer.weight is not NULL:
        described.weight += first * layer.channels * layer.points_h * layer.points_w


cdef inline void describe_block(
    const acy_winograd *layer, const Cut *cut, const acy_winograd_tile *tiles, Py_ssize_t job,
    float *scratch, acy_winograd *block
) noexcept nogil:
    """Describe the block of one job, a part of the tiles for one group."""
    cdef Py_ssize_t group = job // cut.n_blocks, part = job % cut.n_blocks
    cdef Py_ssize_t first = part * cut.n_tiles // cut.n_blocks
    cdef Py_ssize_t n_pairs = layer.points_h * layer.points_w
    describe_group(layer, layer.m_row, group, block)
    block.tiles = tiles + group * cut.n_tiles + first
    block.n_tiles = (part + 1) * cut.n_tiles // cut.n_blocks - first
    block.v = scratch
    block.m = scratch + n_pairs * layer.v_pair


cdef inline void run_whole(
    const acy_kernels *kernels, const acy_winograd *block, Py_ssize_t n_pairs, Py_ssize_t n_panels
) noexcept nogil:
    """All three steps of a block, by one thread."""
    kernels.winograd_input(block, 0, block.n_tiles)
    kernels.winograd_multiply(block, 0, n_pairs, 0, n_panels)
    kernels.winograd_output(block, 0, block.n_tiles)
