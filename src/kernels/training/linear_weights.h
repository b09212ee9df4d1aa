/* The gradient of a fully connected layer's weights: c[k][o] (+)= sum_n x[n][k] e[n][o]. */

/* packed[n][width] of one panel of e, zero beyond the last output. */
static void linear_panel(const float *e, ptrdiff_t n_images, ptrdiff_t out_features,
                         ptrdiff_t panel, float *packed) {
    const ptrdiff_t o = panel * ACY_PANEL_WIDTH, width = width_of_panel(out_features, panel);
    for (ptrdiff_t n = 0; n < n_images; n++)
        copy_padded(e + n * out_features + o, out_features - o, width, packed + n * width);
}

/* The gradient of a tile goes into the update while it is in the registers. c are the weights,
 * `sums` what earlier images have added up, rows of ACY_PANEL_WIDTH, or NULL. */
ACY_INLINE void update_tile(const int rows, const int vectors, const acy_row_pair *pairs,
                            ptrdiff_t n, const float *sums, float *c, float *velocity,
                            ptrdiff_t c_stride, const acy_sgd *sgd) {
    vf acc[ACY_TILE_ROWS][ACY_TILE_VECTORS];
    ACY_UNROLL for (int i = 0; i < rows; i++) ACY_UNROLL for (int j = 0; j < vectors; j++)
        acc[i][j] = sums ? vf_load(sums + i * ACY_PANEL_WIDTH + j * ACY_LANES) : vf_zero();
    outer_sums(rows, vectors, pairs, n, 0, 0, acc);
    ACY_UNROLL for (int i = 0; i < rows; i++) ACY_UNROLL for (int j = 0; j < vectors; j++) {
        float *const w = c + i * c_stride + j * ACY_LANES;
        float *const at = velocity + i * c_stride + j * ACY_LANES;
        vf v = vf_load(at);
        vf_store(w, sgd_step(vf_load(w), acc[i][j], &v, sgd));
        vf_store(at, v);
    }
}

typedef void (*update_fn)(const acy_row_pair *pairs, ptrdiff_t n, const float *sums, float *c,
                          float *velocity, ptrdiff_t c_stride, const acy_sgd *sgd);
#define UPDATE(rows, vectors)                                                                      \
    ACY_NOINLINE void update_##rows##x##vectors(const acy_row_pair *pairs, ptrdiff_t n,            \
                                                const float *sums, float *c, float *velocity,      \
                                                ptrdiff_t c_stride, const acy_sgd *sgd) {          \
        update_tile(rows, vectors, pairs, n, sums, c, velocity, c_stride, sgd);                    \
    }
EVERY_TILE(UPDATE)
static const update_fn update_tiles[ACY_TILE_ROWS][ACY_TILE_VECTORS] = TILE_TABLE(update);

enum { STRIP_STRIDE = ACY_LINEAR_STRIP + 16 }; /* an odd number of cache lines */

static void linear_gradient(const acy_linear_gradient *g, ptrdiff_t begin, ptrdiff_t end,
                            ptrdiff_t panel_begin, ptrdiff_t panel_end, float *scratch) {
    /* The inputs of the strip side by side: in x they may be a multiple of 4096 bytes apart. */
    for (ptrdiff_t n = 0; n < g->n_images; n++)
        memcpy(scratch + n * STRIP_STRIDE, g->x + n * g->x_stride + begin,
               (size_t)(end - begin) * sizeof(float));
    acy_row_pair pairs[ACY_OUTER_STEPS];
    float sums[ACY_TILE_ROWS * ACY_PANEL_WIDTH] ACY_ALIGNED; /* of a tile, before the last images */
    const ptrdiff_t n_tiles = (end - begin + ACY_TILE_ROWS - 1) / ACY_TILE_ROWS;
    for (ptrdiff_t tile = 0; tile < n_tiles; tile++) {
        const ptrdiff_t first = tile * (end - begin) / n_tiles;
        const ptrdiff_t rows = (tile + 1) * (end - begin) / n_tiles - first;
        for (ptrdiff_t panel = panel_begin; panel < panel_end; panel++) {
            const ptrdiff_t o = panel * ACY_PANEL_WIDTH;
            const ptrdiff_t width = width_of_panel(g->out_features, panel);
            const float *const e = g->e + panel * g->e_panel;
            float *const c = g->gradient + (begin + first) * g->row_stride + o;
            for (ptrdiff_t from = 0; from < g->n_images; from += ACY_OUTER_STEPS) {
                const ptrdiff_t left = g->n_images - from;
                const ptrdiff_t n = left < ACY_OUTER_STEPS ? left : ACY_OUTER_STEPS;
                for (ptrdiff_t i = 0; i < n; i++) {
                    pairs[i].a = scratch + (from + i) * STRIP_STRIDE + first;
                    pairs[i].b = e + (from + i) * width;
                }
                const ptrdiff_t vectors = width / ACY_LANES;
                if (g->velocity && n == left) { /* those of the next panel */
                    prefetch_sums(c + width, rows, width, g->row_stride);
                    prefetch_sums(g->velocity + (c - g->gradient) + width, rows, width,
                                  g->row_stride);
                }
                if (!g->velocity)
                    outer_tiles[rows - 1][vectors - 1](pairs, n, 0, 0, c, g->row_stride,
                                                       g->accumulate || from > 0);
                else if (n < left)
                    outer_tiles[rows - 1][vectors - 1](pairs, n, 0, 0, sums, ACY_PANEL_WIDTH,
                                                       from > 0);
                else
                    update_tiles[rows - 1][vectors - 1](pairs, n, from ? sums : NULL, c,
                                                        g->velocity + (c - g->gradient),
                                                        g->row_stride, &g->sgd);
            }
        }
    }
}
