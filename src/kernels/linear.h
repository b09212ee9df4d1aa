/* The fully connected layers: y[o] = relu(bias[o] + sum_k x[k] * weight[k][o]).
 *
 * The weights are input-major: what one input multiplies is contiguous. For a few images the work
 * is reading weights, so an input that is zero in all of them saves its whole row: the caller lists
 * the inputs that count. For many the work is arithmetic, and the register tile of gemm.h does it.
 */

/* y[o] += sum of x[r] * row r [o] over `rows` consecutive entries of the list, in ascending order:
 * the sums are loaded and stored once for all of them. */
ACY_INLINE void add_rows(const int rows, const float *const *row, const float *x,
                         ptrdiff_t x_stride, float *y, ptrdiff_t width) {
    vf factor[4];
    ACY_UNROLL for (int r = 0; r < rows; r++) factor[r] = vf_set(x[r * x_stride]);
    for (ptrdiff_t o = 0; o < width; o += ACY_LANES) {
        vf sum = vf_load(y + o);
        ACY_UNROLL for (int r = 0; r < rows; r++) sum += factor[r] * vf_load(row[r] + o);
        vf_store(y + o, sum);
    }
}

/* A few images. The weights of four inputs at a time come from memory for the first image and from
 * the L1 cache for the others. */
static void matrix_vector(const acy_linear *linear, const int32_t *index, const float *value,
                          ptrdiff_t n_values, ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t width = end - begin, n = linear->n_images;
    float y[ACY_LINEAR_FEW * ACY_LINEAR_PANEL] ACY_ALIGNED;
    for (ptrdiff_t image = 0; image < n; image++)
        memcpy(y + image * width, linear->bias + begin, (size_t)width * sizeof(float));

    ptrdiff_t i = 0;
    const float *row[4];
    for (; i + 4 <= n_values; i += 4) {
        for (int r = 0; r < 4; r++) row[r] = linear->weight + index[i + r] * linear->width + begin;
        for (ptrdiff_t image = 0; image < n; image++)
            add_rows(4, row, value + i * n + image, n, y + image * width, width);
    }
    for (; i < n_values; i++) {
        row[0] = linear->weight + index[i] * linear->width + begin;
        for (ptrdiff_t image = 0; image < n; image++)
            add_rows(1, row, value + i * n + image, n, y + image * width, width);
    }

    for (ptrdiff_t o = 0; o < n * width; o += ACY_LANES) {
        const vf sum = vf_load(y + o) + 0.0f;
        vf_store(y + o, linear->relu ? vf_relu(sum) : sum);
    }
    const ptrdiff_t valid = (end < linear->valid_width ? end : linear->valid_width) - begin;
    for (ptrdiff_t image = 0; valid > 0 && image < n; image++)
        memcpy(linear->output + image * linear->output_stride + begin, y + image * width,
               (size_t)valid * sizeof(float));
}

/* slices[column / ACY_PANEL_WIDTH][k][ACY_PANEL_WIDTH] = weight[k][column]: the order in which the
 * register tile reads its panel. The last slice is as narrow as whole vectors allow. Eight rows at
 * a time: each is read from end to end, and what is written to a slice is half a kilobyte. */
ACY_INLINE void slice_panel(const float *weight, ptrdiff_t row, ptrdiff_t depth, ptrdiff_t width,
                            float *slices) {
    for (ptrdiff_t k = 0; k < depth; k += 8) {
        const ptrdiff_t rows = depth - k < 8 ? depth - k : 8;
        for (ptrdiff_t o = 0; o < width; o += ACY_PANEL_WIDTH) {
            const ptrdiff_t slice = width - o < ACY_PANEL_WIDTH ? width - o : ACY_PANEL_WIDTH;
            const float *from = weight + k * row + o;
            float *to = slices + o * depth + k * slice;
            for (ptrdiff_t r = 0; r < rows; r++, from += row, to += slice)
                for (ptrdiff_t v = 0; v < slice; v += ACY_LANES)
                    vf_store(to + v, vf_load(from + v));
        }
    }
}

static void matrix_matrix(const acy_linear *linear, ptrdiff_t begin, ptrdiff_t end,
                          float *scratch) {
    const float *x[ACY_LINEAR_IMAGES];
    float *c[ACY_LINEAR_IMAGES];
    float edge[ACY_LINEAR_IMAGES * ACY_PANEL_WIDTH] ACY_ALIGNED;
    float *const inputs = scratch + ACY_LINEAR_BLOCK * ACY_LINEAR_PANEL;

    for (ptrdiff_t k = 0; k < linear->depth; k += ACY_LINEAR_BLOCK) {
        const ptrdiff_t left = linear->depth - k;
        const acy_segment block = {0, left < ACY_LINEAR_BLOCK ? left : ACY_LINEAR_BLOCK};
        const int last = k + block.length == linear->depth;
        const int finish = !last ? ACY_PARTIAL : linear->relu ? ACY_FINAL_RELU : ACY_FINAL;
        /* A whole panel is one run of memory: while a slice of this block is multiplied, its share
         * of the next block, as many floats, can be on its way from memory. */
        const int whole = end - begin == linear->width && !last;
        const float *const following = linear->weight + (k + block.length) * linear->width;
        slice_panel(linear->weight + k * linear->width + begin, linear->width, block.length,
                    end - begin, scratch);

        for (ptrdiff_t first = 0; first < linear->n_images; first += ACY_LINEAR_IMAGES) {
            const ptrdiff_t rest = linear->n_images - first;
            const ptrdiff_t n = rest < ACY_LINEAR_IMAGES ? rest : ACY_LINEAR_IMAGES;
            /* Rows of thousands of inputs lie a multiple of 4 KiB apart and would compete for the
             * same few sets of the cache: this block of them goes side by side. */
            for (ptrdiff_t i = 0; i < n; i++) {
                x[i] = inputs + i * block.length;
                memcpy(inputs + i * block.length, linear->input + (first + i) * linear->depth + k,
                       (size_t)block.length * sizeof(float));
            }
            for (ptrdiff_t o = begin; o < end; o += ACY_PANEL_WIDTH) {
                const ptrdiff_t width = end - o < ACY_PANEL_WIDTH ? end - o : ACY_PANEL_WIDTH;
                float *const y = linear->output + first * linear->output_stride + o;
                const ptrdiff_t valid = linear->valid_width - o;
                const int narrow = valid < width;
                for (ptrdiff_t i = 0; i < n; i++) {
                    c[i] = narrow ? edge + i * ACY_PANEL_WIDTH : y + i * linear->output_stride;
                    if (narrow && k > 0 && valid > 0)
                        memcpy(c[i], y + i * linear->output_stride, (size_t)valid * sizeof(float));
                }
                const float *const slice = scratch + (o - begin) * block.length;
                gemm_rows(x, n, width, &block, 1, slice,
                          whole ? following + (o - begin) * block.length : slice, c,
                          k == 0 ? linear->bias + o : NULL, finish);
                for (ptrdiff_t i = 0; narrow && valid > 0 && i < n; i++)
                    memcpy(y + i * linear->output_stride, c[i], (size_t)valid * sizeof(float));
            }
        }
    }
}
