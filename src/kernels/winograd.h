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

/* Transforms take a tile column by column: `count` columns of vectors, `next` floats apart, the
 * vectors of each `stride` floats apart. */
typedef struct {
    ptrdiff_t stride, next;
} acy_steps;

/* Points come as alexnet_cy/engine/winograd.py arranges them: single ones (infinity, zero), then
 * pairs p, -p. How many points there are tells how many of them are single. */
#define WINOGRAD_SINGLES(points) ((points) % 2 ? 1 : (points) == ACY_WINOGRAD_POINTS ? 2 : 0)

/* y[i] = sum_j matrix[i][j] * x[j],  i, j < points: B^T. The rows of p and -p differ in the signs
 * of the odd columns alone, so that they share two half sums. The row of the last single point has
 * entries in even columns only, that of the one before it in odd columns. */
ACY_INLINE void input_columns(const int points, const float *matrix, const float *x, acy_steps from,
                              float *y, acy_steps to, int count) {
    const int singles = WINOGRAD_SINGLES(points);
    for (; count > 0; count--, x += from.next, y += to.next) {
        vf in[ACY_WINOGRAD_POINTS];
        ACY_UNROLL for (int j = 0; j < points; j++) in[j] = vf_load(x + j * from.stride);
        ACY_UNROLL for (int i = 0; i < singles; i++) {
            const float *const row = matrix + i * points;
            const int first = singles - 1 - i;
            vf sum = in[first] * row[first];
            ACY_UNROLL for (int j = first + 2; j < points; j += 2) sum += in[j] * row[j];
            vf_store(y + i * to.stride, sum);
        }
        ACY_UNROLL for (int i = singles; i < points; i += 2) {
            const float *const row = matrix + i * points;
            vf even = in[0] * row[0], odd = in[1] * row[1];
            ACY_UNROLL for (int j = 2; j < points; j += 2) even += in[j] * row[j];
            ACY_UNROLL for (int j = 3; j < points; j += 2) odd += in[j] * row[j];
            vf_store(y + i * to.stride, even + odd);
            vf_store(y + (i + 1) * to.stride, even - odd);
        }
    }
}

/* The sum of a row of A^T: its single entries, and the first of every pair of entries. */
ACY_INLINE vf output_row(const int points, const float *row, const vf *single, const vf *pair) {
    const int singles = WINOGRAD_SINGLES(points);
    vf sum = singles ? single[0] * row[0] : pair[0] * row[0];
    ACY_UNROLL for (int j = 1; j < singles; j++) sum += single[j] * row[j];
    ACY_UNROLL for (int j = singles ? singles : 2; j < points; j += 2) sum +=
        pair[(j - singles) / 2] * row[j];
    return sum;
}

/* y[i] = sum_j matrix[i][j] * x[j],  i < outputs, j < points: A^T. The columns of p and -p differ
 * in the signs of the odd rows alone: x[p] + x[-p] serves the even rows, x[p] - x[-p] the odd ones.
 */
ACY_INLINE void output_columns(const int points, int outputs, const float *matrix, const float *x,
                               acy_steps from, float *y, acy_steps to, int count) {
    const int singles = WINOGRAD_SINGLES(points), pairs = (points - singles) / 2;
    for (; count > 0; count--, x += from.next, y += to.next) {
        vf single[2], sum[ACY_WINOGRAD_POINTS / 2], difference[ACY_WINOGRAD_POINTS / 2];
        ACY_UNROLL for (int j = 0; j < singles; j++) single[j] = vf_load(x + j * from.stride);
        ACY_UNROLL for (int k = 0; k < pairs; k++) {
            const float *const pair = x + (singles + 2 * k) * from.stride;
            const vf plus = vf_load(pair), minus = vf_load(pair + from.stride);
            sum[k] = plus + minus;
            difference[k] = plus - minus;
        }
        for (int i = 0; i < outputs; i += 2) {
            const float *const row = matrix + i * points;
            vf_store(y + i * to.stride, output_row(points, row, single, sum));
            if (i + 1 < outputs)
                vf_store(y + (i + 1) * to.stride,
                         output_row(points, row + points, single, difference));
        }
    }
}

/* For any number of points, each with its own unrolled loops. */
#define WINOGRAD_CASE(points, call)                                                                \
    case points:                                                                                   \
        call;                                                                                      \
        break;
ACY_NOINLINE void transform_input(int points, const float *matrix, const float *x, acy_steps from,
                                  float *y, acy_steps to, int count) {
    switch (points) {
#define INPUT(n) WINOGRAD_CASE(n, input_columns(n, matrix, x, from, y, to, count))
        INPUT(1) INPUT(2) INPUT(3) INPUT(4) INPUT(5) INPUT(6) INPUT(7) INPUT(8)
#undef INPUT
    }
}
ACY_NOINLINE void transform_output(int points, int outputs, const float *matrix, const float *x,
                                   acy_steps from, float *y, acy_steps to, int count) {
    switch (points) {
#define OUTPUT(n) WINOGRAD_CASE(n, output_columns(n, outputs, matrix, x, from, y, to, count))
        OUTPUT(1) OUTPUT(2) OUTPUT(3) OUTPUT(4) OUTPUT(5) OUTPUT(6) OUTPUT(7) OUTPUT(8)
#undef OUTPUT
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
            transform_input(down->points, down->input, x, (acy_steps){row_stride, pixel_stride},
                            half, (acy_steps){WINOGRAD_ROW, ACY_LANES}, across->points);
            transform_input(across->points, across->input, half,
                            (acy_steps){ACY_LANES, WINOGRAD_ROW},
                            w->v + first * w->v_pair + t * w->v_row + c,
                            (acy_steps){w->v_pair, w->points_w * w->v_pair}, down->points);
        }
    }
}

ACY_INLINE int takes_point(const acy_transform *transform, int point) {
    return point >= transform->first && point < transform->first + transform->points;
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
            if (takes_point(w->transforms_h + w->tiles[t].outputs_h, i) &&
                takes_point(w->transforms_w + w->tiles[t].outputs_w, j)) {
                a[n] = w->v + pair * w->v_pair + t * w->v_row;
                m[n++] = w->m + pair * w->m_pair + t * w->m_row;
            }
        for (ptrdiff_t panel = panel_begin; panel < panel_end; panel++) {
            const ptrdiff_t o = panel * ACY_PANEL_WIDTH, left = padded - o;
            const ptrdiff_t width = left < ACY_PANEL_WIDTH ? left : ACY_PANEL_WIDTH;
            for (ptrdiff_t row = 0; row < n; row++) c[row] = m[row] + o;
            const float *const u = w->weight + (pair * padded + o) * w->channels;
            gemm_rows(a, n, width, &whole, 1, w->channels, u, u + width * w->channels, c, zeros,
                      ACY_PARTIAL);
        }
    }
}

/* y[p, q, o] = relu(bias[o] + (A^T M A)[p, q]) for the tiles [tile_begin, tile_end). */
static void winograd_output(const acy_winograd *w, ptrdiff_t tile_begin, ptrdiff_t tile_end) {
    float half[WINOGRAD_TILE] ACY_ALIGNED, sums[WINOGRAD_TILE] ACY_ALIGNED;
    for (ptrdiff_t t = tile_begin; t < tile_end; t++) {
        const acy_transform *const down = w->transforms_h + w->tiles[t].outputs_h;
        const acy_transform *const across = w->transforms_w + w->tiles[t].outputs_w;
        const ptrdiff_t first = down->first * w->points_w + across->first;
        for (ptrdiff_t o = 0; o < w->out_channels; o += ACY_LANES) {
            transform_output(down->points, down->outputs, down->output,
                             w->m + first * w->m_pair + t * w->m_row + o,
                             (acy_steps){w->points_w * w->m_pair, w->m_pair}, half,
                             (acy_steps){WINOGRAD_ROW, ACY_LANES}, across->points);
            transform_output(across->points, across->outputs, across->output, half,
                             (acy_steps){ACY_LANES, WINOGRAD_ROW}, sums,
                             (acy_steps){ACY_LANES, WINOGRAD_ROW}, down->outputs);
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
