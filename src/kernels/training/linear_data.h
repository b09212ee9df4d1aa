/* The gradient by a fully connected layer's inputs: dx[n][k] = sum_o e[n][o] weight[k][o].
 *
 * Rows of weights and of errors are both contiguous in o, so that a tile of some images by some
 * rows keeps a vector of partial sums for each pair: every lane is one chain in ascending o, and
 * at the end the lanes are added. DOT_GROUP rows go through all images a part of o at a time: the
 * part of their weights stays in the L1 cache, and the partial sums wait in `scratch`.
 */
#if ACY_REGISTERS >= 32
enum { DOT_IMAGES = 4, DOT_ROWS = 6 }; /* 24 sums + 4 + 1 of 32 registers */
#elif ACY_TILE_ROWS >= 6
enum { DOT_IMAGES = 3, DOT_ROWS = 4 }; /* 12 sums + 3 + 1 of 16 */
#else
enum { DOT_IMAGES = 2, DOT_ROWS = 4 }; /* 8 sums + 2 + 1 of 16, and a product */
#endif
enum { DOT_GROUP = 2 * DOT_ROWS, DOT_PART = 512 };
_Static_assert(DOT_GROUP <= ACY_LINEAR_DOTS, "the scratch of linear_data is too small");

/* sums[i][j] (+)= sum_o e[i][o] * weight[j][o] for o < n, a multiple of the lanes. */
ACY_NOINLINE void dot_tile(const float *const *e, const float *const *weight, ptrdiff_t n,
                           float *const *sums, int accumulate) {
    vf acc[DOT_IMAGES][DOT_ROWS];
    ACY_UNROLL for (int i = 0; i < DOT_IMAGES; i++) ACY_UNROLL for (int j = 0; j < DOT_ROWS; j++)
        acc[i][j] = accumulate ? vf_load(sums[i] + j * ACY_LANES) : vf_zero();
    const float *image[DOT_IMAGES], *row[DOT_ROWS];
    ACY_UNROLL for (int i = 0; i < DOT_IMAGES; i++) image[i] = e[i];
    ACY_UNROLL for (int j = 0; j < DOT_ROWS; j++) row[j] = weight[j];
    for (ptrdiff_t o = 0; o < n; o += ACY_LANES) {
        vf e_o[DOT_IMAGES];
        ACY_UNROLL for (int i = 0; i < DOT_IMAGES; i++) e_o[i] = vf_load(image[i] + o);
        ACY_UNROLL for (int j = 0; j < DOT_ROWS; j++) {
            const vf w = vf_load(row[j] + o);
            ACY_UNROLL for (int i = 0; i < DOT_IMAGES; i++) acc[i][j] += e_o[i] * w;
        }
    }
    ACY_UNROLL for (int i = 0; i < DOT_IMAGES; i++) ACY_UNROLL for (int j = 0; j < DOT_ROWS; j++)
        vf_store(sums[i] + j * ACY_LANES, acc[i][j]);
}

/* The sum of a vector's lanes: the upper half to the lower, again and again. */
ACY_INLINE float sum_of_lanes(vf v) {
#if ACY_LANES >= 16
    v += vf_from_pair(v, v, 8);
#endif
#if ACY_LANES >= 8
    v += vf_from_pair(v, v, 4);
#endif
    v += vf_from_pair(v, v, 2);
    v += vf_from_pair(v, v, 1);
    return v[0];
}

/* Ask for part `share` of `n_shares` of some rows' weights, `part` floats each. */
ACY_INLINE void prefetch_rows(const float *weight, ptrdiff_t row_stride, ptrdiff_t n_rows,
                              ptrdiff_t part, ptrdiff_t share, ptrdiff_t n_shares) {
    const ptrdiff_t row_lines = (part + ACY_CACHE_LINE_FLOATS - 1) / ACY_CACHE_LINE_FLOATS;
    const ptrdiff_t n_lines = n_rows * row_lines, end = (share + 1) * n_lines / n_shares;
    ptrdiff_t line = share * n_lines / n_shares;
    for (; line < end; line++)
        __builtin_prefetch(weight + line / row_lines * row_stride +
                               line % row_lines * ACY_CACHE_LINE_FLOATS,
                           0, 2);
}

static void linear_data(const float *e, ptrdiff_t e_stride, ptrdiff_t n_images, const float *weight,
                        ptrdiff_t row_stride, ptrdiff_t out_features, const float *mask,
                        float scale, float *dx, ptrdiff_t dx_stride, ptrdiff_t begin, ptrdiff_t end,
                        float *scratch) {
    const ptrdiff_t padded = (out_features + ACY_LANES - 1) / ACY_LANES * ACY_LANES;
    for (ptrdiff_t k = begin; k < end; k += DOT_GROUP) {
        const ptrdiff_t n_rows = end - k < DOT_GROUP ? end - k : DOT_GROUP;
        for (ptrdiff_t o = 0; o < padded; o += DOT_PART) {
            const ptrdiff_t part = padded - o < DOT_PART ? padded - o : DOT_PART;
            /* what comes next: these rows further on, or the rows behind them */
            const int goes_on = o + part < padded;
            const ptrdiff_t next_row = goes_on ? k : k + n_rows, next = goes_on ? o + part : 0;
            const ptrdiff_t rows_left = end - next_row, parts_left = padded - next;
            const ptrdiff_t n_next = rows_left < DOT_GROUP ? rows_left : DOT_GROUP;
            const ptrdiff_t next_part = parts_left < DOT_PART ? parts_left : DOT_PART;
            for (ptrdiff_t n = 0; n < n_images; n += DOT_IMAGES) {
                prefetch_rows(weight + next_row * row_stride + next, row_stride, n_next, next_part,
                              n / DOT_IMAGES, (n_images + DOT_IMAGES - 1) / DOT_IMAGES);
                for (ptrdiff_t first = 0; first < n_rows; first += DOT_ROWS) {
                    /* beyond the last row the last one again, and so with images */
                    const float *row[DOT_ROWS], *image[DOT_IMAGES];
                    float *sums[DOT_IMAGES];
                    for (ptrdiff_t j = 0; j < DOT_ROWS; j++) {
                        const ptrdiff_t at = first + j < n_rows ? first + j : n_rows - 1;
                        row[j] = weight + (k + at) * row_stride + o;
                    }
                    for (ptrdiff_t i = 0; i < DOT_IMAGES; i++) {
                        const ptrdiff_t at = n + i < n_images ? n + i : n_images - 1;
                        image[i] = e + at * e_stride + o;
                        sums[i] = scratch + (at * DOT_GROUP + first) * ACY_LANES;
                    }
                    dot_tile(image, row, part, sums, o > 0);
                }
            }
        }
        for (ptrdiff_t n = 0; n < n_images; n++)
            for (ptrdiff_t i = 0; i < n_rows; i++) {
                const float sum = sum_of_lanes(vf_load(scratch + (n * DOT_GROUP + i) * ACY_LANES));
                const ptrdiff_t at = n * dx_stride + k + i;
                dx[at] = !mask || mask[at] > 0.0f ? scale * sum : 0.0f;
            }
    }
}
