/* The register-blocked matrix product under everything dense: a tile of `rows` x `vectors`.
 *
 *     c[i][j] = initial[j] + sum_k a[i][k] * b[k][j],     i < rows, j < vectors * ACY_LANES
 *
 * The accumulators live in registers for the whole sum. Each step of k loads one row of the packed
 * panel b and broadcasts one element of every row of a. The rows of a are not packed: a is a
 * pointer per row, and the k of a row run over a list of segments, so that a patch of an image can
 * be multiplied where it stands.
 *
 * `next` is where the memory to be read after this panel begins: every step of k prefetches the
 * next `next_step` floats of it, so that it is in the cache when its turn comes.
 *
 * Every element of c is one chain of fused multiply-adds in ascending k, whatever the size of the
 * tile it falls into: that is why results do not depend on the number of threads or images.
 */

/* What happens to a finished sum. Adding +0 turns a -0 into +0: skipping a term of a sum that is
 * exactly zero then cannot change a bit of the result. */
enum { ACY_PARTIAL, ACY_FINAL, ACY_FINAL_RELU };

ACY_INLINE void gemm_tile(const int rows, const int vectors, const float *const *a,
                          const acy_segment *segments, ptrdiff_t n_segments, const float *b,
                          const float *next, ptrdiff_t next_step, float *const *c,
                          const float *initial, int finish) {
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
            ACY_UNROLL for (int j = 0; j < vectors * ACY_LANES; j += ACY_CACHE_LINE_FLOATS)
                __builtin_prefetch(next + j, 0, 2);
            b += vectors * ACY_LANES;
            next += next_step;
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
                        const float *b, const float *next, ptrdiff_t next_step, float *const *c,
                        const float *initial, int finish);

/* One function per height and width of a tile, each a loop with constant bounds: EVERY_TILE(F) is
 * F(rows, vectors) for all of them, TILE_TABLE(f) their names f_<rows>x<vectors> as a table, by
 * rows - 1 and vectors - 1. */
/* clang-format off */
#if ACY_TILE_VECTORS == 4
#define TILES_OF_ROWS(F, rows) F(rows, 1) F(rows, 2) F(rows, 3) F(rows, 4)
#define NAMES_OF_ROWS(f, rows) {f##_##rows##x1, f##_##rows##x2, f##_##rows##x3, f##_##rows##x4}
#elif ACY_TILE_VECTORS == 2
#define TILES_OF_ROWS(F, rows) F(rows, 1) F(rows, 2)
#define NAMES_OF_ROWS(f, rows) {f##_##rows##x1, f##_##rows##x2}
#else
#error "ACY_TILE_VECTORS: 2 or 4"
#endif
#define TILES_TO_4(F) \
    TILES_OF_ROWS(F, 1) TILES_OF_ROWS(F, 2) TILES_OF_ROWS(F, 3) TILES_OF_ROWS(F, 4)
#define TILES_TO_6(F) TILES_TO_4(F) TILES_OF_ROWS(F, 5) TILES_OF_ROWS(F, 6)
#define TILES_TO_12(F) TILES_TO_6(F) \
    TILES_OF_ROWS(F, 7) TILES_OF_ROWS(F, 8) TILES_OF_ROWS(F, 9) \
    TILES_OF_ROWS(F, 10) TILES_OF_ROWS(F, 11) TILES_OF_ROWS(F, 12)
#define NAMES_TO_4(f) \
    NAMES_OF_ROWS(f, 1), NAMES_OF_ROWS(f, 2), NAMES_OF_ROWS(f, 3), NAMES_OF_ROWS(f, 4)
#define NAMES_TO_6(f) NAMES_TO_4(f), NAMES_OF_ROWS(f, 5), NAMES_OF_ROWS(f, 6)
#define NAMES_TO_12(f) NAMES_TO_6(f), \
    NAMES_OF_ROWS(f, 7), NAMES_OF_ROWS(f, 8), NAMES_OF_ROWS(f, 9), \
    NAMES_OF_ROWS(f, 10), NAMES_OF_ROWS(f, 11), NAMES_OF_ROWS(f, 12)
#if ACY_TILE_ROWS == 4
#define EVERY_TILE(F) TILES_TO_4(F)
#define TILE_TABLE(f) {NAMES_TO_4(f)}
#elif ACY_TILE_ROWS == 6
#define EVERY_TILE(F) TILES_TO_6(F)
#define TILE_TABLE(f) {NAMES_TO_6(f)}
#elif ACY_TILE_ROWS == 12
#define EVERY_TILE(F) TILES_TO_12(F)
#define TILE_TABLE(f) {NAMES_TO_12(f)}
#else
#error "ACY_TILE_ROWS: 4, 6 or 12"
#endif
/* clang-format on */

#define GEMM(rows, vectors)                                                                        \
    ACY_NOINLINE void gemm_##rows##x##vectors(const float *const *a, const acy_segment *segments,  \
                                              ptrdiff_t n_segments, const float *b,                \
                                              const float *next, ptrdiff_t next_step,              \
                                              float *const *c, const float *initial, int finish) { \
        gemm_tile(rows, vectors, a, segments, n_segments, b, next, next_step, c, initial, finish); \
    }
EVERY_TILE(GEMM)
static const gemm_fn gemm_tiles[ACY_TILE_ROWS][ACY_TILE_VECTORS] = TILE_TABLE(gemm);

#define ACY_PANEL_WIDTH (ACY_TILE_VECTORS * ACY_LANES)

/* The product of `n` rows and one panel of at most ACY_PANEL_WIDTH columns, `depth` long. The rows
 * are shared out evenly: 13 rows of tiles of 6 are 5 + 4 + 4, not 6 + 6 + 1, because a low tile has
 * too few accumulators to hide the latency of its additions. So is what they ask for of `next`, as
 * large as the panel: memory is asked all the time, and never for more than it gives. */
ACY_INLINE void gemm_rows(const float *const *a, ptrdiff_t n, ptrdiff_t columns,
                          const acy_segment *segments, ptrdiff_t n_segments, ptrdiff_t depth,
                          const float *b, const float *next, float *const *c, const float *initial,
                          int finish) {
    const ptrdiff_t vectors = (columns + ACY_LANES - 1) / ACY_LANES;
    const ptrdiff_t n_tiles = (n + ACY_TILE_ROWS - 1) / ACY_TILE_ROWS;
    for (ptrdiff_t tile = 0; tile < n_tiles; tile++) {
        const ptrdiff_t begin = tile * n / n_tiles, end = (tile + 1) * n / n_tiles;
        const ptrdiff_t next_step = (vectors * ACY_LANES + n_tiles - 1) / n_tiles;
        gemm_tiles[end - begin - 1][vectors - 1](a + begin, segments, n_segments, b,
                                                 next + tile * next_step * depth, next_step,
                                                 c + begin, initial, finish);
    }
}
