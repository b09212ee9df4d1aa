/* The gradient by a fully connected layer's inputs: dx[n][k] = sum_o e[n][o] weight[k][o].
 *
 * A tile of some images by DOT_ROWS rows of the weights keeps a vector of partial sums for each
 * pair: every lane is one chain in ascending o, and at the end the lanes are added. The rows go
 * through all images a part of o at a time: the part of their weights stays in the L1 cache, that
 * of the errors in the L2 cache for the rows that follow, and the partial sums wait in `scratch`.
 * Meanwhile the tiles ask for the weights that come next.
 */
#if ACY_REGISTERS >= 32
enum { DOT_IMAGES = 4, DOT_ROWS = 6 }; /* 24 sums + 4 + 1 of 32 registers */
#elif ACY_TILE_ROWS >= 6
enum { DOT_IMAGES = 3, DOT_ROWS = 4 }; /* 12 sums + 3 + 1 of 16 */
#else
enum { DOT_IMAGES = 2, DOT_ROWS = 4 }; /* 8 sums + 2 + 1 of 16, and a product */
#endif
enum { DOT_PART = 512 };
_Static_assert(ACY_LINEAR_DOTS % DOT_ROWS == 0, "the scratch of linear_data is too small");
_Static_assert(DOT_PART % ACY_PANEL_WIDTH == 0, "a part is made of whole panels");

/* sums[i][j] (+)= sum_o e[i][o] * weight[j][o] for o < n, `vectors` of them side by side in e, and
 * the next ones e_step floats further on. Asks for as many floats from `next` on. */
ACY_INLINE void dot_tile(const int vectors, const float *const *e, ptrdiff_t e_step,
                         const float *const *weight, ptrdiff_t n, const float *next,
                         float *const *sums, int accumulate) {
    vf acc[DOT_IMAGES][DOT_ROWS];
    ACY_UNROLL for (int i = 0; i < DOT_IMAGES; i++) ACY_UNROLL for (int j = 0; j < DOT_ROWS; j++)
        acc[i][j] = accumulate ? vf_load(sums[i] + j * ACY_LANES) : vf_zero();
    const float *image[DOT_IMAGES], *row[DOT_ROWS];
    ACY_UNROLL for (int i = 0; i < DOT_IMAGES; i++) image[i] = e[i];
    ACY_UNROLL for (int j = 0; j < DOT_ROWS; j++) row[j] = weight[j];
    for (ptrdiff_t o = 0, at = 0; o < n; o += vectors * ACY_LANES, at += e_step) {
        ACY_UNROLL for (int v = 0; v < vectors * ACY_LANES; v += ACY_LANES) {
            vf e_o[DOT_IMAGES];
            ACY_UNROLL for (int i = 0; i < DOT_IMAGES; i++) e_o[i] = vf_load(image[i] + at + v);
            ACY_UNROLL for (int j = 0; j < DOT_ROWS; j++) {
                const vf w = vf_load(row[j] + o + v);
                ACY_UNROLL for (int i = 0; i < DOT_IMAGES; i++) acc[i][j] += e_o[i] * w;
            }
        }
        ACY_UNROLL for (int v = 0; v < vectors * ACY_LANES; v += ACY_CACHE_LINE_FLOATS)
            __builtin_prefetch(next + o + v, 0, 2);
    }
    ACY_UNROLL for (int i = 0; i < DOT_IMAGES; i++) ACY_UNROLL for (int j = 0; j < DOT_ROWS; j++)
        vf_store(sums[i] + j * ACY_LANES, acc[i][j]);
}

/* Whole panels of e. */
ACY_NOINLINE void dot_panels(const float *const *e, ptrdiff_t e_step, const float *const *weight,
                             ptrdiff_t n, const float *next, float *const *sums, int accumulate) {
    dot_tile(ACY_TILE_VECTORS, e, e_step, weight, n, next, sums, accumulate);
}

/* The last panel, if it is not whole. */
ACY_NOINLINE void dot_vectors(const float *const *e, const float *const *weight, ptrdiff_t n,
                              float *const *sums, int accumulate) {
    dot_tile(1, e, ACY_LANES, weight, n, weight[0], sums, accumulate);
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

/* The sums of DOT_ROWS rows, or `n_rows`, with one part of all images. `next` is where the rows
 * begin that come after, `n_next` of them. */
static void dot_part(const acy_linear_data *d, ptrdiff_t k, ptrdiff_t n_rows, ptrdiff_t o,
                     ptrdiff_t part, const float *next, ptrdiff_t n_next, float *scratch) {
    const ptrdiff_t whole = part / ACY_PANEL_WIDTH * ACY_PANEL_WIDTH, rest = part - whole;
    const float *const e = d->e + o / ACY_PANEL_WIDTH * d->e_panel;
    const float *row[DOT_ROWS], *last[DOT_ROWS]; /* beyond the last row that one again */
    for (ptrdiff_t j = 0; j < DOT_ROWS; j++) {
        row[j] = d->weight + (k + (j < n_rows ? j : n_rows - 1)) * d->row_stride + o;
        last[j] = row[j] + whole;
    }
    for (ptrdiff_t n = 0; n < d->n_images; n += DOT_IMAGES, next += d->row_stride, n_next--) {
        const float *image[DOT_IMAGES], *in_last[DOT_IMAGES]; /* as with rows */
        float *sums[DOT_IMAGES];
        for (ptrdiff_t i = 0; i < DOT_IMAGES; i++) {
            const ptrdiff_t at = n + i < d->n_images ? n + i : d->n_images - 1;
            image[i] = e + at * ACY_PANEL_WIDTH;
            in_last[i] = e + whole / ACY_PANEL_WIDTH * d->e_panel + at * rest;
            sums[i] = scratch + at * DOT_ROWS * ACY_LANES;
        }
        if (whole > 0)
            dot_panels(image, d->e_panel, row, whole, n_next > 0 ? next : row[0], sums, o > 0);
        if (rest > 0) dot_vectors(in_last, last, rest, sums, o + whole > 0);
    }
}

/* dx[n][k + i] for i < n_rows, at most DOT_ROWS. */
static void add_lanes(const acy_linear_data *d, ptrdiff_t k, ptrdiff_t n_rows,
                      const float *scratch) {
    for (ptrdiff_t n = 0; n < d->n_images; n++)
        for (ptrdiff_t i = 0; i < n_rows; i += ACY_LANES) {
            const ptrdiff_t left = n_rows - i, at = n * d->dx_stride + k + i;
            vf sum = vf_zero();
            for (ptrdiff_t j = 0; j < ACY_LANES && j < left; j++)
                sum[j] = sum_of_lanes(vf_load(scratch + (n * DOT_ROWS + i + j) * ACY_LANES));
            sum *= d->scale;
            if (d->mask) sum = (vf)((vi)sum & (load_channels(d->mask + at, left) > vf_zero()));
            store_channels(d->dx + at, sum, left);
        }
}

static void linear_data(const acy_linear_data *d, ptrdiff_t begin, ptrdiff_t end, ptrdiff_t further,
                        float *scratch) {
    const ptrdiff_t padded = (d->out_features + ACY_LANES - 1) / ACY_LANES * ACY_LANES;
    const ptrdiff_t group = d->n_images * DOT_ROWS * ACY_LANES;
    for (ptrdiff_t o = 0; o < padded; o += DOT_PART) {
        const ptrdiff_t part = padded - o < DOT_PART ? padded - o : DOT_PART;
        for (ptrdiff_t k = begin; k < end; k += DOT_ROWS) {
            /* the same part of the next rows, or the next part, or the rows that come after */
            const int down = k + DOT_ROWS < end, across = !down && o + part < padded;
            const ptrdiff_t next_k = down ? k + DOT_ROWS : across ? begin : end;
            const ptrdiff_t next_o = down ? o : across ? o + part : 0;
            dot_part(d, k, end - k < DOT_ROWS ? end - k : DOT_ROWS, o, part,
                     d->weight + next_k * d->row_stride + next_o,
                     further - next_k < DOT_ROWS ? further - next_k : DOT_ROWS,
                     scratch + (k - begin) / DOT_ROWS * group);
        }
    }
    for (ptrdiff_t k = begin; k < end; k += DOT_ROWS)
        add_lanes(d, k, end - k < DOT_ROWS ? end - k : DOT_ROWS,
                  scratch + (k - begin) / DOT_ROWS * group);
}
