/* Winograd convolution: y = A^T [(G g G^T) * (B^T d B)] A (Lavin & Gray 2015; the matrices are made
 * in alexnet_cy/engine/winograd.py, which derives them). Three steps over a block of tiles:
 *
 *     V[i, j][tile, c] = (B^T d B)[i, j]                          input transform
 *     M[i, j][tile, o] = sum_c V[i, j][tile, c] * U[i, j][c, o]   a matrix product per pair
 *     y[p, q, o]       = relu(bias[o] + (A^T M A)[p, q])          output transform
 *
 * (i, j) is a pair of evaluation points. Tiles of different sizes share the transformed weights
 * U: a small tile takes some of the points of a large one, and no part in the products of others.
 */

#include "winograd_transforms.h"

enum { WINOGRAD_ROW = ACY_WINOGRAD_POINTS * ACY_LANES }; /* a row of a tile of vectors */
enum { WINOGRAD_TILE = ACY_WINOGRAD_POINTS * WINOGRAD_ROW };

/* V[i, j][tile, c] = (B^T d B)[i, j] for the tiles [tile_begin, tile_end) of the block. */
static void winograd_input(const acy_winograd *w, ptrdiff_t tile_begin, ptrdiff_t tile_end) {
    float patch[WINOGRAD_TILE] ACY_ALIGNED, half[WINOGRAD_TILE] ACY_ALIGNED;
    for (ptrdiff_t t = tile_begin; t < tile_end; t++) {
        const acy_transform *const down = w->transforms_h + w->tiles[t].outputs_h;
        const acy_transform *const across = w->transforms_w + w->tiles[t].outputs_w;
        const input_fn transform_columns = input_transforms[down->zero][down->points];
        const input_fn transform_rows = input_transforms[across->zero][across->points];
        const ptrdiff_t first = down->first * w->points_w + across->first;
        for (ptrdiff_t c = 0; c < w->channels; c += ACY_LANES) {
            const float *x = w->tiles[t].input + c;
            ptrdiff_t row_stride = w->input_row_stride, pixel_stride = w->input_pixel_stride;
            const ptrdiff_t left = w->channels - c;
            if (left < ACY_LANES) { /* a whole vector would reach into the next pixel */
                for (int h = 0; h < down->points; h++)
                    for (int v = 0; v < across->points; v++)
                        vf_store(patch + h * WINOGRAD_ROW + v * ACY_LANES,
                                 vf_load_first(x + h * row_stride + v * pixel_stride, left));
                x = patch;
                row_stride = WINOGRAD_ROW;
                pixel_stride = ACY_LANES;
            }
            transform_columns(down->input, x, (acy_steps){row_stride, pixel_stride}, half,
                              (acy_steps){WINOGRAD_ROW, ACY_LANES}, across->points);
            transform_rows(across->input, half, (acy_steps){ACY_LANES, WINOGRAD_ROW},
                           w->v + first * w->v_pair + t * w->v_row + c,
                           (acy_steps){w->v_pair, w->points_w * w->v_pair}, down->points);
        }
    }
}

ACY_INLINE ptrdiff_t panel_width(const acy_winograd *w, ptrdiff_t panel) {
    const ptrdiff_t padded = (w->out_channels + ACY_LANES - 1) / ACY_LANES * ACY_LANES;
    const ptrdiff_t left = padded - panel * ACY_PANEL_WIDTH;
    return left < ACY_PANEL_WIDTH ? left : ACY_PANEL_WIDTH;
}

enum { WINOGRAD_RUN = 128 }; /* floats of every tap at a time: what comes of them stays in L1 */

/* U[i, j][c, o] = (G g G^T)[i, j] for all j, c and the o of a panel, whose kernels g are
 * [tap][c][width of the panel]: `u` is [j][c][width], its pairs u_pair apart. */
static void winograd_weights(const acy_winograd *w, const float *g, ptrdiff_t panel, ptrdiff_t i,
                             float *u, ptrdiff_t u_pair) {
    float half[ACY_WINOGRAD_POINTS * WINOGRAD_RUN] ACY_ALIGNED;
    const ptrdiff_t tap = panel_width(w, panel) * w->channels;
    for (ptrdiff_t first = 0; first < tap; first += WINOGRAD_RUN) {
        const ptrdiff_t left = tap - first;
        const int vectors = (int)(left < WINOGRAD_RUN ? left : WINOGRAD_RUN) / ACY_LANES;
        for (int s = 0; s < w->taps_w; s++)
            transform_kernel_row(w->taps_h, w->kernel_h + i * w->taps_h, g + s * tap + first,
                                 w->taps_w * tap, half + s * WINOGRAD_RUN, vectors);
        transform_kernel(w->taps_w, (int)w->points_w, w->kernel_w, half, WINOGRAD_RUN, u + first,
                         u_pair, vectors);
    }
}

ACY_INLINE int takes_point(const acy_transform *transform, int point) {
    return point >= transform->first && point < transform->first + transform->points;
}

/* The rows of V and M of a pair of points: those of the tiles that take it. Returns how many. */
static ptrdiff_t list_rows(const acy_winograd *w, ptrdiff_t pair, const float **v, float **m) {
    const int i = (int)(pair / w->points_w), j = (int)(pair % w->points_w);
    ptrdiff_t n = 0;
    for (ptrdiff_t t = 0; t < w->n_tiles; t++)
        if (takes_point(w->transforms_h + w->tiles[t].outputs_h, i) &&
            takes_point(w->transforms_w + w->tiles[t].outputs_w, j)) {
            v[n] = w->v + pair * w->v_pair + t * w->v_row;
            m[n++] = w->m + pair * w->m_pair + t * w->m_row;
        }
    return n;
}

static const float no_sums[ACY_PANEL_WIDTH]; /* zeros: where the sums of M begin */

/* M[i, j][tile, o] = sum_c V[i, j][tile, c] * U[i, j][c, o] for the pairs [pair_begin, pair_end)
 * and the panels [panel_begin, panel_end) of out channels. */
static void winograd_multiply(const acy_winograd *w, ptrdiff_t pair_begin, ptrdiff_t pair_end,
                              ptrdiff_t panel_begin, ptrdiff_t panel_end) {
    const float *v[ACY_WINOGRAD_TILES];
    float *m[ACY_WINOGRAD_TILES], *c[ACY_WINOGRAD_TILES];
    const acy_segment whole = {0, w->channels};
    const ptrdiff_t padded = (w->out_channels + ACY_LANES - 1) / ACY_LANES * ACY_LANES;

    for (ptrdiff_t pair = pair_begin; pair < pair_end; pair++) {
        const ptrdiff_t n = list_rows(w, pair, v, m);
        for (ptrdiff_t panel = panel_begin; panel < panel_end; panel++) {
            const ptrdiff_t o = panel * ACY_PANEL_WIDTH, width = panel_width(w, panel);
            for (ptrdiff_t row = 0; row < n; row++) c[row] = m[row] + o;
            const float *const u = w->weight + (pair * padded + o) * w->channels;
            gemm_rows(v, n, width, &whole, 1, w->channels, u, u + width * w->channels, c, no_sums,
                      ACY_PARTIAL);
        }
    }
}

/* y[p, q, o] = relu(bias[o] + (A^T M A)[p, q]) for the tiles [tile_begin, tile_end) and the out
 * channels [begin, end); M begins with the first of these. */
static void output_channels(const acy_winograd *w, ptrdiff_t tile_begin, ptrdiff_t tile_end,
                            ptrdiff_t begin, ptrdiff_t end) {
    float half[WINOGRAD_TILE] ACY_ALIGNED, last[WINOGRAD_TILE] ACY_ALIGNED;
    const float floor = w->relu ? 0.0f : -__builtin_inff();
    for (ptrdiff_t t = tile_begin; t < tile_end; t++) {
        const acy_transform *const down = w->transforms_h + w->tiles[t].outputs_h;
        const acy_transform *const across = w->transforms_w + w->tiles[t].outputs_w;
        const output_fn transform_columns =
            output_transforms[0][down->zero][down->points][down->outputs];
        const output_fn transform_rows =
            output_transforms[1][across->zero][across->points][across->outputs];
        const ptrdiff_t first = down->first * w->points_w + across->first;
        for (ptrdiff_t o = begin; o < end; o += ACY_LANES) {
            const ptrdiff_t left = w->out_channels - o;
            float *y = w->tiles[t].output + o;
            acy_steps to = {w->output_pixel_stride, w->output_row_stride};
            if (left < ACY_LANES) { /* a whole vector would reach into the next pixel */
                y = last;
                to = (acy_steps){ACY_LANES, WINOGRAD_ROW};
            }
            transform_columns(down->output, w->m + first * w->m_pair + t * w->m_row + o - begin,
                              (acy_steps){w->points_w * w->m_pair, w->m_pair}, half,
                              (acy_steps){WINOGRAD_ROW, ACY_LANES}, across->points, NULL, floor);
            transform_rows(across->output, half, (acy_steps){ACY_LANES, WINOGRAD_ROW}, y, to,
                           down->outputs, w->bias + o, floor);
            for (int p = 0; y == last && p < down->outputs; p++)
                for (int q = 0; q < across->outputs; q++)
                    vf_store_first(w->tiles[t].output + p * w->output_row_stride +
                                       q * w->output_pixel_stride + o,
                                   vf_load(last + p * WINOGRAD_ROW + q * ACY_LANES), left);
        }
    }
}

static void winograd_output(const acy_winograd *w, ptrdiff_t tile_begin, ptrdiff_t tile_end) {
    output_channels(w, tile_begin, tile_end, 0, w->out_channels);
}

/* Everything after the input transform for one panel of out channels of few tiles. Its weights are
 * transformed a row of points at a time, and multiplied where they have been left in the cache:
 * from memory come the taps of the kernels, a fifth of the transformed weights. M holds the panel
 * alone. */
static void winograd_panel(const acy_winograd *w, const float *g, ptrdiff_t panel, float *u,
                           ptrdiff_t u_pair) {
    const float *v[ACY_WINOGRAD_TILES];
    float *m[ACY_WINOGRAD_TILES];
    const acy_segment whole = {0, w->channels};
    const ptrdiff_t o = panel * ACY_PANEL_WIDTH, width = panel_width(w, panel);
    for (ptrdiff_t i = 0; i < w->points_h; i++) {
        winograd_weights(w, g, panel, i, u, u_pair);
        for (ptrdiff_t j = 0; j < w->points_w; j++) {
            const ptrdiff_t n = list_rows(w, i * w->points_w + j, v, m);
            gemm_rows(v, n, width, &whole, 1, w->channels, u + j * u_pair, u + (j + 1) * u_pair, m,
                      no_sums, ACY_PARTIAL);
        }
    }
    const ptrdiff_t end = o + width < w->out_channels ? o + width : w->out_channels;
    output_channels(w, 0, w->n_tiles, o, end);
}
