/* The adjoint of Winograd's convolution, the gradient of its weights. From the forward's
 * y = A^T [U . V] A follows, with V = B^T d B as there:
 *
 *     D[i, j][tile, o] = (A e A^T)[i, j]
 *     dU[i, j][c, o]  += sum over the tiles of V[i, j][tile, c] * D[i, j][tile, o]
 *     dg[r, s][c, o]   = (G^T dU G)[r, s]                       once, when all tiles are in
 *
 * Tiles of all sizes add to one dU, each to the points that it takes.
 */

/* y = A x, the transpose of output_columns: y of a pair p, -p is the sum over the even x[i] of
 * scale_p p^i x[i], plus or minus that over the odd ones. */
ACY_INLINE void error_columns(const int points, const int outputs, const int zero,
                              const float *coefficients, const float *x, acy_steps from, float *y,
                              acy_steps to, int count) {
    const int singles = WINOGRAD_SINGLES(points), pairs = WINOGRAD_PAIRS(points);
    for (; count > 0; count--, x += from.next, y += to.next) {
        vf in[ACY_WINOGRAD_POINTS];
        ACY_UNROLL for (int i = 0; i < outputs; i++) in[i] = vf_load(x + i * from.stride);
        if (singles > zero) vf_store(y, in[outputs - 1]);
        if (zero) vf_store(y + (singles - 1) * to.stride, in[0] * coefficients[0]);
        ACY_UNROLL for (int k = 0; k < pairs; k++) {
            const float *const column = coefficients + 1 + k;
            vf even = in[0] * column[0], odd = vf_zero();
            if (outputs > 1) odd = in[1] * column[pairs];
            ACY_UNROLL for (int i = 2; i < outputs; i += 2) even += in[i] * column[i * pairs];
            ACY_UNROLL for (int i = 3; i < outputs; i += 2) odd += in[i] * column[i * pairs];
            float *const pair = y + (singles + 2 * k) * to.stride;
            vf_store(pair, even + odd);
            vf_store(pair + to.stride, even - odd);
        }
    }
}

typedef void (*error_fn)(const float *coefficients, const float *x, acy_steps from, float *y,
                         acy_steps to, int count);
#define WINOGRAD_ERROR(n, m, zero)                                                                 \
    ACY_NOINLINE void error_##n##_##m##_##zero(const float *coefficients, const float *x,          \
                                               acy_steps from, float *y, acy_steps to,             \
                                               int count) {                                        \
        error_columns(n, m, zero, coefficients, x, from, y, to, count);                            \
    }
WINOGRAD_TILES(WINOGRAD_ERROR)
#define WINOGRAD_ENTRY(n, m, zero) [zero][n][m] = error_##n##_##m##_##zero,
static const error_fn error_transforms[2][ACY_WINOGRAD_POINTS + 1][ACY_WINOGRAD_POINTS + 1] = {
    WINOGRAD_TILES(WINOGRAD_ENTRY)};
#undef WINOGRAD_ENTRY

static void winograd_error(const acy_winograd *w, ptrdiff_t tile_begin, ptrdiff_t tile_end) {
    float patch[WINOGRAD_TILE] ACY_ALIGNED, half[WINOGRAD_TILE] ACY_ALIGNED;
    for (ptrdiff_t t = tile_begin; t < tile_end; t++) {
        const acy_transform *const down = w->transforms_h + w->tiles[t].outputs_h;
        const acy_transform *const across = w->transforms_w + w->tiles[t].outputs_w;
        const error_fn transform_columns =
            error_transforms[down->zero][down->points][down->outputs];
        const error_fn transform_rows =
            error_transforms[across->zero][across->points][across->outputs];
        const ptrdiff_t first = down->first * w->points_w + across->first;
        for (ptrdiff_t o = 0; o < w->out_channels; o += ACY_LANES) {
            const float *e = w->tiles[t].output + o;
            ptrdiff_t row_stride = w->output_row_stride, pixel_stride = w->output_pixel_stride;
            const ptrdiff_t left = w->out_channels - o;
            if (left < ACY_LANES) { /* a whole vector would reach into the next pixel */
                for (int p = 0; p < down->outputs; p++)
                    for (int q = 0; q < across->outputs; q++)
                        vf_store(patch + p * WINOGRAD_ROW + q * ACY_LANES,
                                 vf_load_first(e + p * row_stride + q * pixel_stride, left));
                e = patch;
                row_stride = WINOGRAD_ROW;
                pixel_stride = ACY_LANES;
            }
            const ptrdiff_t panel = o / ACY_PANEL_WIDTH, width = panel_width(w, panel);
            float *const d = w->m + first * w->m_pair + panel * ACY_PANEL_WIDTH * w->n_tiles +
                             t * width + o % ACY_PANEL_WIDTH;
            transform_columns(down->output, e, (acy_steps){row_stride, pixel_stride}, half,
                              (acy_steps){WINOGRAD_ROW, ACY_LANES}, across->outputs);
            transform_rows(across->output, half, (acy_steps){ACY_LANES, WINOGRAD_ROW}, d,
                           (acy_steps){w->m_pair, w->points_w * w->m_pair}, down->points);
        }
    }
}

/* The rows of V and of the first panel of D of up to ACY_OUTER_STEPS tiles that take a pair of
 * points, from tile *t on, which moves beyond them. Returns how many. */
static ptrdiff_t list_row_pairs(const acy_winograd *w, ptrdiff_t pair, ptrdiff_t *t,
                                acy_row_pair *pairs, ptrdiff_t *places) {
    const int i = (int)(pair / w->points_w), j = (int)(pair % w->points_w);
    ptrdiff_t n = 0;
    for (; *t < w->n_tiles && n < ACY_OUTER_STEPS; ++*t)
        if (takes_point(w->transforms_h + w->tiles[*t].outputs_h, i) &&
            takes_point(w->transforms_w + w->tiles[*t].outputs_w, j)) {
            pairs[n].a = w->v + pair * w->v_pair + *t * w->v_row;
            places[n++] = *t;
        }
    return n;
}

static void winograd_products(const acy_winograd *w, ptrdiff_t pair_begin, ptrdiff_t pair_end,
                              ptrdiff_t panel_begin, ptrdiff_t panel_end, float *du,
                              int accumulate) {
    acy_row_pair pairs[ACY_OUTER_STEPS];
    ptrdiff_t places[ACY_OUTER_STEPS];
    const ptrdiff_t padded = (w->out_channels + ACY_LANES - 1) / ACY_LANES * ACY_LANES;
    for (ptrdiff_t pair = pair_begin; pair < pair_end; pair++) {
        int started = accumulate;
        for (ptrdiff_t t = 0; t < w->n_tiles || !started; started = 1) {
            const ptrdiff_t n = list_row_pairs(w, pair, &t, pairs, places);
            for (ptrdiff_t panel = panel_begin; panel < panel_end; panel++) {
                const ptrdiff_t o = panel * ACY_PANEL_WIDTH, width = panel_width(w, panel);
                const float *const d = w->m + pair * w->m_pair + o * w->n_tiles;
                for (ptrdiff_t i = 0; i < n; i++) pairs[i].b = d + places[i] * width;
                outer_rows(pairs, n, w->channels, width / ACY_LANES,
                           du + (pair * padded + o) * w->channels, width, started);
            }
        }
    }
}

enum { KERNEL_AHEAD = 8 }; /* vectors: dU is in as many places as there are pairs, in memory */

/* dg[r, s] = sum over i, j of G_h[i, r] dU[i, j] G_w[j, s] of one panel. */
static void winograd_kernel(const acy_winograd *w, const float *du, ptrdiff_t u_pair,
                            ptrdiff_t panel, float *dg) {
    const ptrdiff_t tap = panel_width(w, panel) * w->channels;
    for (ptrdiff_t c = 0; c < tap; c += ACY_LANES) {
        vf half[ACY_WINOGRAD_POINTS][ACY_WINOGRAD_POINTS]; /* [s][i] */
        for (int i = 0; i < w->points_h; i++) {
            vf row[ACY_WINOGRAD_POINTS];
            for (int j = 0; j < w->points_w; j++) {
                const float *const at = du + (i * w->points_w + j) * u_pair + c;
                row[j] = vf_load(at);
                __builtin_prefetch(at + KERNEL_AHEAD * ACY_LANES);
            }
            for (int s = 0; s < w->taps_w; s++) {
                vf sum = vf_zero();
                for (int j = 0; j < w->points_w; j++)
                    sum += row[j] * w->kernel_w[j * w->taps_w + s];
                half[s][i] = sum;
            }
        }
        for (int r = 0; r < w->taps_h; r++)
            for (int s = 0; s < w->taps_w; s++) {
                vf sum = vf_zero();
                for (int i = 0; i < w->points_h; i++)
                    sum += half[s][i] * w->kernel_h[i * w->taps_h + r];
                vf_store(dg + (r * w->taps_w + s) * tap + c, sum);
            }
    }
}
