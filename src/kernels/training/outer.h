/* The outer tile: the register tile of gemm.h turned round, under every gradient of weights.
 *
 *     c[i][j] = initial[i][j] + sum_t a_t[i] * b_t[j],     i < rows, j < vectors * ACY_LANES
 *
 * t runs over tiles, pixels or images, each a pair of rows whose columns are contiguous. Every
 * element of c is one chain of multiply-adds in ascending t; what waits in memory between two
 * blocks of t goes on where it stopped, so that bits do not depend on the blocks.
 */

ACY_INLINE void outer_sums(const int rows, const int vectors, const acy_row_pair *pairs,
                           ptrdiff_t n, ptrdiff_t a_first, ptrdiff_t b_first,
                           vf acc[ACY_TILE_ROWS][ACY_TILE_VECTORS]) {
    for (ptrdiff_t t = 0; t < n; t++) {
        const float *a = pairs[t].a + a_first, *b = pairs[t].b + b_first;
        /* Else the compiler keeps a_first + i in a register for every i, and has none left. */
        __asm__("" : "+r"(a), "+r"(b));
        vf b_t[ACY_TILE_VECTORS];
        ACY_UNROLL for (int j = 0; j < vectors; j++) b_t[j] = vf_load(b + j * ACY_LANES);
        ACY_UNROLL for (int i = 0; i < rows; i++) ACY_UNROLL for (int j = 0; j < vectors; j++)
            acc[i][j] += b_t[j] * a[i];
    }
}

ACY_INLINE void outer_tile(const int rows, const int vectors, const acy_row_pair *pairs,
                           ptrdiff_t n, ptrdiff_t a_first, ptrdiff_t b_first, float *c,
                           ptrdiff_t c_stride, int accumulate) {
    vf acc[ACY_TILE_ROWS][ACY_TILE_VECTORS];
    ACY_UNROLL for (int i = 0; i < rows; i++) ACY_UNROLL for (int j = 0; j < vectors; j++)
        acc[i][j] = accumulate ? vf_load(c + i * c_stride + j * ACY_LANES) : vf_zero();
    outer_sums(rows, vectors, pairs, n, a_first, b_first, acc);
    ACY_UNROLL for (int i = 0; i < rows; i++) ACY_UNROLL for (int j = 0; j < vectors; j++)
        vf_store(c + i * c_stride + j * ACY_LANES, acc[i][j]);
}

typedef void (*outer_fn)(const acy_row_pair *pairs, ptrdiff_t n, ptrdiff_t a_first,
                         ptrdiff_t b_first, float *c, ptrdiff_t c_stride, int accumulate);
#define OUTER(rows, vectors)                                                                       \
    ACY_NOINLINE void outer_##rows##x##vectors(const acy_row_pair *pairs, ptrdiff_t n,             \
                                               ptrdiff_t a_first, ptrdiff_t b_first, float *c,     \
                                               ptrdiff_t c_stride, int accumulate) {               \
        outer_tile(rows, vectors, pairs, n, a_first, b_first, c, c_stride, accumulate);            \
    }
EVERY_TILE(OUTER)
static const outer_fn outer_tiles[ACY_TILE_ROWS][ACY_TILE_VECTORS] = TILE_TABLE(outer);

/* Ask for `rows` rows of sums, which will be changed: whole tiles of them come from memory. */
ACY_INLINE void prefetch_sums(const float *c, ptrdiff_t rows, ptrdiff_t width, ptrdiff_t c_stride) {
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = 0; j < width; j += ACY_CACHE_LINE_FLOATS)
            __builtin_prefetch(c + i * c_stride + j, 1, 3);
}

/* Rows [0, n_rows) of c for one panel, shared out evenly over tiles, as in gemm_rows. */
ACY_INLINE void outer_rows(const acy_row_pair *pairs, ptrdiff_t n, ptrdiff_t n_rows,
                           ptrdiff_t vectors, float *c, ptrdiff_t c_stride, int accumulate) {
    const ptrdiff_t n_tiles = (n_rows + ACY_TILE_ROWS - 1) / ACY_TILE_ROWS;
    for (ptrdiff_t tile = 0; tile < n_tiles; tile++) {
        const ptrdiff_t begin = tile * n_rows / n_tiles, end = (tile + 1) * n_rows / n_tiles;
        /* behind the last row is the next panel, or what does no harm */
        prefetch_sums(c + end * c_stride, ACY_TILE_ROWS, vectors * ACY_LANES, c_stride);
        outer_tiles[end - begin - 1][vectors - 1](pairs, n, begin, 0, c + begin * c_stride,
                                                  c_stride, accumulate);
    }
}

/* Floats of panel `panel` of `columns` columns, to whole vectors: as PackedConv has them. */
ACY_INLINE ptrdiff_t width_of_panel(ptrdiff_t columns, ptrdiff_t panel) {
    const ptrdiff_t padded = (columns + ACY_LANES - 1) / ACY_LANES * ACY_LANES;
    const ptrdiff_t left = padded - panel * ACY_PANEL_WIDTH;
    return left < ACY_PANEL_WIDTH ? left : ACY_PANEL_WIDTH;
}

/* y[0 .. width) = x[0 .. width), whole vectors, zero beyond the n floats of x that there are. */
ACY_INLINE void copy_padded(const float *x, ptrdiff_t n, ptrdiff_t width, float *y) {
    for (ptrdiff_t j = 0; j < width; j += ACY_LANES) {
        const ptrdiff_t left = n - j;
        vf_store(y + j, left < ACY_LANES ? vf_load_first(x + j, left) : vf_load(x + j));
    }
}
