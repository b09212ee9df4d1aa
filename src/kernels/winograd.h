/* Winograd convolution: y = A^T [(G g G^T) * (B^T d B)] A (Lavin & Gray 2015; the matrices are made
 * in alexnet_cy/engine/winograd.py, which derives them). Three steps over a block of tiles:
 *
 *     V[i, j][tile, c] = (B^T d B)[i, j]                          input transform
 *     M[i, j][tile, o] = sum_c V[i, j][tile, c] * U[i, j][c, o]   a matrix product per pair
 *     y[p, q, o]       = relu(bias[o] + (A^T M A)[p, q])          output transform
 *
 * (i, j) is a pair of evaluation points. Tiles of different sizes share the transformed weights
 * U: their points are nested, so a small tile takes no part in the products of the last points.
 */

/* y[i] = sum_j matrix[i][j] * x[j], i < rows, j < points, for `count` such columns; every element
 * is a vector. The x of a column stay in registers. */
ACY_INLINE void transform_columns(const int points, int rows, const float *matrix, const float *x,
                                  ptrdiff_t x_stride, ptrdiff_t x_next, float *y,
                                  ptrdiff_t y_stride, ptrdiff_t y_next, int count) {
    for (int column = 0; column < count; column++) {
        vf in[ACY_WINOGRAD_POINTS];
        ACY_UNROLL for (int j = 0; j < points; j++) in[j] =
            vf_load(x + column * x_next + j * x_stride);
        for (int i = 0; i < rows; i++) {
            const float *const row = matrix + i * points;
            vf sum = in[0] * row[0];
            ACY_UNROLL for (int j = 1; j < points; j++) sum += in[j] * row[j];
            vf_store(y + column * y_next + i * y_stride, sum);
        }
    }
}

/* The same for any number of points up to ACY_WINOGRAD_POINTS, each with its own unrolled loop. */
ACY_NOINLINE void transform(int points, int rows, const float *matrix, const float *x,
                            ptrdiff_t x_stride, ptrdiff_t x_next, float *y, ptrdiff_t y_stride,
                            ptrdiff_t y_next, int count) {
    switch (points) {
#define TRANSFORM(n)                                                                               \
    case n:                                                                                        \
        transform_columns(n, rows, matrix, x, x_stride, x_next, y, y_stride, y_next, count);       \
        break
        TRANSFORM(1);
        TRANSFORM(2);
        TRANSFORM(3);
        TRANSFORM(4);
        TRANSFORM(5);
        TRANSFORM(6);
        TRANSFORM(7);
        TRANSFORM(8);
#undef TRANSFORM
    }
}

enum { WINOGRAD_ROW = ACY_WINOGRAD_POINTS * ACY_LANES }; /* a row of a tile of vectors */
enum { WINOGRAD_TILE = ACY_WINOGRAD_POINTS * WINOGRAD_ROW };

/* V[i, j][tile, c] = (B^T d B)[i, j] for the tiles [tile_begin, tile_end) of the block. */
static void winograd_input(const acy_winograd *w, ptrdiff_t tile_begin, ptrdiff_t tile_end) {
    float patch[WINOGRAD_TILE] ACY_ALIGNED, half[WINOGRAD_TILE] ACY_ALIGNED;
    for (ptrdiff_t t = tile_begin; t < tile_end; t++) {
        const acy_transform *const down = w->transforms_h + w->tiles[t].outputs_h;
        const acy_transform *const across = w->transforms_w + w->tiles[t].outputs_w;
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
            transform(down->points, down->points, down->input, x, row_stride, pixel_stride, half,
                      WINOGRAD_ROW, ACY_LANES, across->points);
            transform(across->points, across->points, across->input, half, ACY_LANES, WINOGRAD_ROW,
                      w->v + t * w->v_row + c, w->v_pair, w->points_w * w->v_pair, down->points);
        }
    }
}

/* M[i, j][tile, o] = sum_c V[i, j][tile, c] * U[i, j][c, o] for the pairs [pair_begin, pair_end)
 * and the panels [panel_begin, panel_end) of out channels. */
static void winograd_multiply(const acy_winograd *w, ptrdiff_t pair_begin, ptrdiff_t pair_end,
                              ptrdiff_t panel_begin, ptrdiff_t panel_end) {
    static const float zeros[ACY_PANEL_WIDTH];
    const float *a[ACY_WINOGRAD_TILES];
    float *m[ACY_WINOGRAD_TILES], *c[ACY_WINOGRAD_TILES];
    const acy_segment whole = {0, w->channels};
    const ptrdiff_t padded = (w->out_channels + ACY_LANES - 1) / ACY_LANES * ACY_LANES;

    for (ptrdiff_t pair = pair_begin; pair < pair_end; pair++) {
        const int i = (int)(pair / w->points_w), j = (int)(pair % w->points_w);
        ptrdiff_t n = 0;
        for (ptrdiff_t t = 0; t < w->n_tiles; t++)
            if (i < w->transforms_h[w->tiles[t].outputs_h].points &&
                j < w->transforms_w[w->tiles[t].outputs_w].points) {
                a[n] = w->v + pair * w->v_pair + t * w->v_row;
                m[n++] = w->m + pair * w->m_pair + t * w->m_row;
            }
        for (ptrdiff_t panel = panel_begin; panel < panel_end; panel++) {
            const ptrdiff_t o = panel * ACY_PANEL_WIDTH, left = padded - o;
            const ptrdiff_t width = left < ACY_PANEL_WIDTH ? left : ACY_PANEL_WIDTH;
            for (ptrdiff_t row = 0; row < n; row++) c[row] = m[row] + o;
            const float *const u = w->weight + (pair * padded + o) * w->channels;
            gemm_rows(a, n, width, &whole, 1, u, u + width * w->channels, c, zeros, ACY_PARTIAL);
        }
    }
}

/* y[p, q, o] = relu(bias[o] + (A^T M A)[p, q]) for the tiles [tile_begin, tile_end). */
static void winograd_output(const acy_winograd *w, ptrdiff_t tile_begin, ptrdiff_t tile_end) {
    float half[WINOGRAD_TILE] ACY_ALIGNED, sums[WINOGRAD_TILE] ACY_ALIGNED;
    for (ptrdiff_t t = tile_begin; t < tile_end; t++) {
        const acy_transform *const down = w->transforms_h + w->tiles[t].outputs_h;
        const acy_transform *const across = w->transforms_w + w->tiles[t].outputs_w;
        for (ptrdiff_t o = 0; o < w->out_channels; o += ACY_LANES) {
            transform(down->points, down->outputs, down->output, w->m + t * w->m_row + o,
                      w->points_w * w->m_pair, w->m_pair, half, WINOGRAD_ROW, ACY_LANES,
                      across->points);
            transform(across->points, across->outputs, across->output, half, ACY_LANES,
                      WINOGRAD_ROW, sums, ACY_LANES, WINOGRAD_ROW, down->outputs);
            const vf bias = vf_load(w->bias + o);
            const ptrdiff_t left = w->out_channels - o;
            for (int p = 0; p < down->outputs; p++) {
                float *y = w->tiles[t].output + p * w->output_row_stride + o;
                for (int q = 0; q < across->outputs; q++, y += w->output_pixel_stride) {
                    vf sum = vf_load(sums + p * WINOGRAD_ROW + q * ACY_LANES) + bias;
                    if (w->relu) sum = vf_relu(sum);
                    if (left < ACY_LANES)
                        vf_store_first(y, sum, left);
                    else
                        vf_store(y, sum);
                }
            }
        }
    }
}
