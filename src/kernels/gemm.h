/* The register-blocked matrix product under everything dense: a tile of `rows` x `vectors`.
 *
 *     c[i][j] = initial[j] + sum_k a[i][k] * b[k][j],     i < rows, j < vectors * ACY_LANES
 *
 * The accumulators live in registers for the whole sum. Each step of k loads one row of the packed
 * panel b and broadcasts one element of every row of a. The rows of a are not packed: a is a
 * pointer per row, and the k of a row run over a list of segments, so that a patch of an image can
 * be multiplied where it stands.
 *
 * `next` is where the memory to be read after this panel begins: every step of k of the first tile
 * asks for as much of it as it reads of b, so that it is in the cache when its turn comes.
 *
 * Every element of c is one chain of fused multiply-adds in ascending k, whatever the size of the
 * tile it falls into: that is why results do not depend on the number of threads or images.
 */

/* What happens to a finished sum. Adding +0 turns a -0 into +0: skipping a term of a sum that is
 * exactly zero then cannot change a bit of the result. */
enum { ACY_PARTIAL, ACY_FINAL, ACY_FINAL_RELU };

ACY_INLINE void gemm_tile(const int rows, const int vectors, const float *const *a,
                          const acy_segment *segments, ptrdiff_t n_segments, const float *b,
                          const float *next, float *const *c, const float *initial, int finish) {
    vf acc[ACY_TILE_ROWS][ACY_TILE_VECTORS];
    ACY_UNROLL for (int i = 0; i < rows; i++) ACY_UNROLL for (int j = 0; j < vectors; j++)
        acc[i][j] = vf_load((initial ? initial : c[i]) + j * ACY_LANES);

    for (ptrdiff_t s = 0; s < n_segments; s++) {
        const float *row[ACY_TILE_ROWS];
        ACY_UNROLL for (int i = 0; i < rows; i++) row[i] = a[i] + segments[s].offset;
        for (ptrdiff_t k = 0; k < segments[s].length; k++) {
            vf b_k[ACY_TILE_VECTORS];
            ACY_UNROLL for (int j = 0; j < vectors; j++) b_k[j] = vf_load(b + j * ACY_LANES);
            ACY_UNROLL for (int i = 0; i < rows; i++) ACY_UNROLL for (int j = 0; j < vectors; j++)
                acc[i][j] += b_k[j] * row[i][k];
            __builtin_prefetch(next, 0, 2);
            b += vectors * ACY_LANES;
            next += vectors * ACY_LANES;
        }
    }

    ACY_UNROLL for (int i = 0; i < rows; i++) ACY_UNROLL for (int j = 0; j < vectors; j++) {
        vf y = acc[i][j];
        if (finish != ACY_PARTIAL) y += 0.0f;
        if (finish == ACY_FINAL_RELU) y = vf_relu(y);
        vf_store(c[i] + j * ACY_LANES, y);
    }
}

typedef void (*gemm_fn)(const float *const *a, const acy_segment *segments, ptrdiff_t n_segments,
                        const float *b, const float *next, float *const *c, const float *initial,
                        int finish);

/* One function per height and width of a tile; each is the loop above with constant bounds. */
#define GEMM(rows, vectors)                                                                        \
    ACY_NOINLINE void gemm_##rows##x##vectors(                                                     \
        const float *const *a, const acy_segment *segments, ptrdiff_t n_segments, const float *b,  \
        const float *next, float *const *c, const float *initial, int finish) {                    \
        gemm_tile(rows, vectors, a, segments, n_segments, b, next, c, initial, finish);            \
    }
#if ACY_TILE_VECTORS == 4
#define GEMM_ROW(rows) GEMM(rows, 1) GEMM(rows, 2) GEMM(rows, 3) GEMM(rows, 4)
#define GEMM_NAMES(rows) {gemm_##rows##x1, gemm_##rows##x2, gemm_##rows##x3, gemm_##rows##x4}
#elif ACY_TILE_VECTORS == 2
#define GEMM_ROW(rows) GEMM(rows, 1) GEMM(rows, 2)
#define GEMM_NAMES(rows) {gemm_##rows##x1, gemm_##rows##x2}
#else
#error "ACY_TILE_VECTORS: 2 or 4"
#endif

/* clang-format off */
GEMM_ROW(1) GEMM_ROW(2) GEMM_ROW(3) GEMM_ROW(4)
#if ACY_TILE_ROWS >= 6
GEMM_ROW(5) GEMM_ROW(6)
#endif
#if ACY_TILE_ROWS >= 12
GEMM_ROW(7) GEMM_ROW(8) GEMM_ROW(9) GEMM_ROW(10) GEMM_ROW(11) GEMM_ROW(12)
#endif

/* gemm_tiles[rows - 1][vectors - 1] */
static const gemm_fn gemm_tiles[ACY_TILE_ROWS][ACY_TILE_VECTORS] = {
    GEMM_NAMES(1), GEMM_NAMES(2), GEMM_NAMES(3), GEMM_NAMES(4),
#if ACY_TILE_ROWS >= 6
    GEMM_NAMES(5), GEMM_NAMES(6),
#endif
#if ACY_TILE_ROWS >= 12
    GEMM_NAMES(7), GEMM_NAMES(8), GEMM_NAMES(9), GEMM_NAMES(10), GEMM_NAMES(11), GEMM_NAMES(12),
#endif
};
/* clang-format on */

#define ACY_PANEL_WIDTH (ACY_TILE_VECTORS * ACY_LANES)

/* The product of `n` rows and one panel of at most ACY_PANEL_WIDTH columns. The rows are shared
 * out evenly: 13 rows of tiles of 6 are 5 + 4 + 4, not 6 + 6 + 1, because a low tile has too few
 * accumulators to hide the latency of its additions. */
ACY_INLINE void gemm_rows(const float *const *a, ptrdiff_t n, ptrdiff_t columns,
                          const acy_segment *segments, ptrdiff_t n_segments, const float *b,
                          const float *next, float *const *c, const float *initial, int finish) {
    const ptrdiff_t vectors = (columns + ACY_LANES - 1) / ACY_LANES;
    const ptrdiff_t n_tiles = (n + ACY_TILE_ROWS - 1) / ACY_TILE_ROWS;
    for (ptrdiff_t tile = 0; tile < n_tiles; tile++) {
        const ptrdiff_t begin = tile * n / n_tiles, end = (tile + 1) * n / n_tiles;
        gemm_tiles[end - begin - 1][vectors - 1](a + begin, segments, n_segments, b,
                                                 tile == 0 ? next : b, c + begin, initial, finish);
    }
}
