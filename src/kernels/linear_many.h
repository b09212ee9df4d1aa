/* The fully connected layers of many images: the register tile, fed with slices of the weights.
 *
 * A part of a block, 64 inputs by 512 outputs, is cut into slices as wide as the register tile. For
 * each slice the first tile of images reads the rows of the weights where they lie and leaves them
 * side by side in the L1 cache for the other images. Meanwhile it prefetches its share of the next
 * part: of the same rows, so that what the hardware's prefetchers read beyond a row's end is of
 * use, and at the end of the range of the next rows.
 */

/* The part that a slice prefetches: steps [first, ...) of the next part, ACY_PANEL_WIDTH floats a
 * step, row after row. */
typedef struct {
    const float *weight;  /* row 0, first output of the part */
    const int32_t *index; /* of its rows */
    ptrdiff_t n_values;   /* its rows */
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

/* What follows a part of a block: the next part of the same rows, or the first of the next rows. */
static acy_ahead part_after(const acy_linear *linear, ptrdiff_t k, ptrdiff_t n_values,
                            ptrdiff_t begin, ptrdiff_t part, ptrdiff_t end) {
    acy_ahead ahead = {.row = linear->row_stride};
    ptrdiff_t next = part + ACY_LINEAR_PART;
    if (next < end) {
        ahead.index = linear->index + k;
        ahead.n_values = n_values;
    } else {
        const ptrdiff_t left = linear->n_values - k - n_values;
        next = begin;
        ahead.index = linear->index + k + n_values;
        ahead.n_values = left < ACY_LINEAR_BLOCK ? left : ACY_LINEAR_BLOCK;
    }
    const ptrdiff_t width = end - next < ACY_LINEAR_PART ? end - next : ACY_LINEAR_PART;
    ahead.weight = linear->weight + next;
    ahead.row_steps = (width + ACY_PANEL_WIDTH - 1) / ACY_PANEL_WIDTH;
    return ahead;
}

/* Add the inputs [k, k + n_values) of the list, one block, to the sums of all images. */
static void add_block(const acy_linear *linear, ptrdiff_t k, ptrdiff_t n_values, ptrdiff_t begin,
                      ptrdiff_t end, float *slice, float *sums) {
    const float *x[ACY_LINEAR_IMAGES];
    float *c[ACY_LINEAR_IMAGES];
    const ptrdiff_t n_images = linear->n_images;
    for (ptrdiff_t n = 0; n < n_images; n++) x[n] = linear->input + k * n_images + n * n_values;
    const ptrdiff_t n_tiles = (n_images + ACY_TILE_ROWS - 1) / ACY_TILE_ROWS;
    const ptrdiff_t n_first = n_images / n_tiles, n_rest = n_images - n_first;
    const acy_segment whole = {0, n_values};
    acy_ahead ahead;
    for (ptrdiff_t o = begin; o < end; o += ACY_PANEL_WIDTH, ahead.first += n_values) {
        if ((o - begin) % ACY_LINEAR_PART == 0)
            ahead = part_after(linear, k, n_values, begin, o, end);
        const ptrdiff_t width = end - o < ACY_PANEL_WIDTH ? end - o : ACY_PANEL_WIDTH;
        for (ptrdiff_t n = 0; n < n_images; n++) c[n] = sum_of(sums, n_images, n, o - begin);
        gather_tiles[n_first - 1][width / ACY_LANES - 1](x, linear->index + k, n_values,
                                                         linear->weight + o, &ahead, slice, c);
        gemm_rows(x + n_first, n_rest, width, &whole, 1, n_values, slice, slice, c + n_first, NULL,
                  ACY_PARTIAL);
    }
}
