/* The fully connected layers: y[n, o] = relu(bias[o] + sum_k x[n, k] * weight[k][o]).
 *
 * The weights are input-major: what one input multiplies is contiguous, so that an input that is
 * zero in all images saves its whole row. The caller lists the inputs that count.
 *
 * Few images wait for the weights to come from memory, many for the multiply-adds. Both go the same
 * way. The inputs are taken in blocks; a range of outputs is cut into slices as wide as the
 * register tile. For each slice of a block the first tile of images reads the rows of the weights
 * where they lie, thousands of bytes apart, and leaves them side by side in the L1 cache for the
 * other images. Meanwhile it asks for its share of the next block, whose rows must come from
 * memory.
 *
 * Every output is one chain of fused multiply-adds in ascending k, whatever the number of images.
 */

/* What a slice asks for: steps [first, ...) of the next block, ACY_PANEL_WIDTH floats a step, row
 * after row. */
typedef struct {
    const float *weight;  /* row 0, first output of the range */
    const int32_t *index; /* of the next block */
    ptrdiff_t n_values;   /* of the next block */
    ptrdiff_t row;        /* floats from a row to the next */
    ptrdiff_t row_steps;
    ptrdiff_t first;
} acy_ahead;

/* c[i][j] += sum_k x[i][k] * weight[index[k]][j],  i < rows, j < vectors * ACY_LANES; and
 * slice[k][j] = weight[index[k]][j]. */
ACY_INLINE void gather_tile(const int rows, const int vectors, const float *const *x,
                            const int32_t *index, ptrdiff_t n_values, const float *weight,
                            const acy_ahead *ahead, float *slice, float *const *c) {
    vf acc[ACY_TILE_ROWS][ACY_TILE_VECTORS];
    const float *row[ACY_TILE_ROWS];
    ACY_UNROLL for (int i = 0; i < rows; i++) {
        row[i] = x[i];
        ACY_UNROLL for (int j = 0; j < vectors; j++) acc[i][j] = vf_load(c[i] + j * ACY_LANES);
    }
    for (ptrdiff_t k = 0; k < n_values;) {
        const ptrdiff_t step = ahead->first + k, next_row = step / ahead->row_steps;
        const ptrdiff_t done = step % ahead->row_steps, left = ahead->row_steps - done;
        const ptrdiff_t end = n_values - k < left ? n_values : k + left;
        const float *next = weight;
        if (next_row < ahead->n_values)
            next = ahead->weight + ahead->index[next_row] * ahead->row + done * ACY_PANEL_WIDTH;
        for (; k < end; k++) {
            const float *const b = weight + index[k] * ahead->row;
            vf b_k[ACY_TILE_VECTORS];
            ACY_UNROLL for (int j = 0; j < vectors; j++) {
                b_k[j] = vf_load(b + j * ACY_LANES);
                vf_store(slice + j * ACY_LANES, b_k[j]);
            }
            ACY_UNROLL for (int i = 0; i < rows; i++) ACY_UNROLL for (int j = 0; j < vectors; j++)
                acc[i][j] += b_k[j] * row[i][k];
            ACY_UNROLL for (int j = 0; j < ACY_PANEL_WIDTH; j += ACY_CACHE_LINE_FLOATS)
                __builtin_prefetch(next + j, 0, 2);
            next += ACY_PANEL_WIDTH;
            slice += vectors * ACY_LANES;
        }
    }
    ACY_UNROLL for (int i = 0; i < rows; i++) ACY_UNROLL for (int j = 0; j < vectors; j++)
        vf_store(c[i] + j * ACY_LANES, acc[i][j]);
}

#define GATHER(rows, vectors)                                                                      \
    ACY_NOINLINE void gather_##rows##x##vectors(                                                   \
        const float *const *x, const int32_t *index, ptrdiff_t n_values, const float *weight,      \
        const acy_ahead *ahead, float *slice, float *const *c) {                                   \
        gather_tile(rows, vectors, x, index, n_values, weight, ahead, slice, c);                   \
    }
EVERY_TILE(GATHER)
typedef void (*gather_fn)(const float *const *x, const int32_t *index, ptrdiff_t n_values,
                          const float *weight, const acy_ahead *ahead, float *slice,
                          float *const *c);
static const gather_fn gather_tiles[ACY_TILE_ROWS][ACY_TILE_VECTORS] = TILE_TABLE(gather);

/* sums[slice][image][ACY_PANEL_WIDTH] */
static float *sums_of(float *sums, const acy_linear *linear, ptrdiff_t slice, ptrdiff_t image) {
    return sums + (slice * linear->n_images + image) * ACY_PANEL_WIDTH;
}

/* Add the inputs [k, k + n_values) of the list to all sums. */
static void add_block(const acy_linear *linear, ptrdiff_t k, ptrdiff_t n_values, ptrdiff_t begin,
                      ptrdiff_t end, float *slice, float *sums) {
    const float *x[ACY_LINEAR_IMAGES];
    float *c[ACY_LINEAR_IMAGES];
    for (ptrdiff_t n = 0; n < linear->n_images; n++)
        x[n] = linear->input + k * linear->n_images + n * n_values;
    const ptrdiff_t n_tiles = (linear->n_images + ACY_TILE_ROWS - 1) / ACY_TILE_ROWS;
    const ptrdiff_t n_first = linear->n_images / n_tiles, n_rest = linear->n_images - n_first;
    const ptrdiff_t left = linear->n_values - k - n_values;
    acy_ahead ahead = {
        .weight = linear->weight + begin,
        .index = linear->index + k + n_values,
        .n_values = left < ACY_LINEAR_BLOCK ? left : ACY_LINEAR_BLOCK,
        .row = linear->width,
        .row_steps = (end - begin + ACY_PANEL_WIDTH - 1) / ACY_PANEL_WIDTH,
    };
    const acy_segment whole = {0, n_values};
    for (ptrdiff_t s = 0; s < ahead.row_steps; s++, ahead.first += n_values) {
        const ptrdiff_t o = begin + s * ACY_PANEL_WIDTH;
        const ptrdiff_t width = end - o < ACY_PANEL_WIDTH ? end - o : ACY_PANEL_WIDTH;
        for (ptrdiff_t n = 0; n < linear->n_images; n++) c[n] = sums_of(sums, linear, s, n);
        gather_tiles[n_first - 1][width / ACY_LANES - 1](x, linear->index + k, n_values,
                                                         linear->weight + o, &ahead, slice, c);
        gemm_rows(x + n_first, n_rest, width, &whole, 1, n_values, slice, slice, c + n_first, NULL,
                  ACY_PARTIAL);
    }
}

static void linear(const acy_linear *linear, ptrdiff_t begin, ptrdiff_t end, float *scratch) {
    float *const slice = scratch, *const sums = scratch + ACY_LINEAR_BLOCK * ACY_PANEL_WIDTH;
    const ptrdiff_t n_slices = (end - begin + ACY_PANEL_WIDTH - 1) / ACY_PANEL_WIDTH;
    for (ptrdiff_t s = 0; s < n_slices; s++)
        for (ptrdiff_t n = 0; n < linear->n_images; n++)
            for (ptrdiff_t o = begin + s * ACY_PANEL_WIDTH, j = 0;
                 j < ACY_PANEL_WIDTH && o + j < end; j += ACY_LANES)
                vf_store(sums_of(sums, linear, s, n) + j, vf_load(linear->bias + o + j));

    for (ptrdiff_t k = 0; k < linear->n_values; k += ACY_LINEAR_BLOCK) {
        const ptrdiff_t left = linear->n_values - k;
        add_block(linear, k, left < ACY_LINEAR_BLOCK ? left : ACY_LINEAR_BLOCK, begin, end, slice,
                  sums);
    }

    for (ptrdiff_t s = 0; s < n_slices; s++)
        for (ptrdiff_t n = 0; n < linear->n_images; n++) {
            const ptrdiff_t o = begin + s * ACY_PANEL_WIDTH;
            float *const y = linear->output + n * linear->output_stride + o;
            for (ptrdiff_t j = 0; j < ACY_PANEL_WIDTH && o + j < end; j += ACY_LANES) {
                /* + 0: a sum of negative zeros becomes 0, whether terms were left out or not */
                vf sum = vf_load(sums_of(sums, linear, s, n) + j) + 0.0f;
                if (linear->relu) sum = vf_relu(sum);
                const ptrdiff_t valid = linear->valid_width - o - j;
                if (valid >= ACY_LANES)
                    vf_store(y + j, sum);
                else if (valid > 0)
                    vf_store_first(y + j, sum, valid);
            }
        }
}
