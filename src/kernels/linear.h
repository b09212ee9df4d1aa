/* The fully connected layers: y[o] = relu(bias[o] + sum_k x[k] * weight[k][o]).
 *
 * The weights are input-major: what one input multiplies is contiguous. For one image the work is
 * reading weights, so an input that is zero saves its whole row: the caller lists the inputs that
 * count. For many images the work is arithmetic, and the register tile of gemm.h does it.
 */

/* One image. Rows are taken four at a time, so that the accumulators are loaded and stored once
 * for four of them; the additions stay in ascending order of the inputs. */
static void matrix_vector(const acy_linear *linear, const int32_t *index, const float *value,
                          ptrdiff_t n_values, ptrdiff_t begin, ptrdiff_t end) {
    const ptrdiff_t width = end - begin, row = linear->width;
    const float *const weight = linear->weight + begin;
    float y[ACY_LINEAR_PANEL] ACY_ALIGNED;
    memcpy(y, linear->bias + begin, (size_t)width * sizeof(float));

    ptrdiff_t i = 0;
    for (; i + 4 <= n_values; i += 4) {
        const float *const w0 = weight + index[i] * row, *const w1 = weight + index[i + 1] * row;
        const float *const w2 = weight + index[i + 2] * row, *const w3 =
                                                                 weight + index[i + 3] * row;
        const vf x0 = vf_set(value[i]), x1 = vf_set(value[i + 1]);
        const vf x2 = vf_set(value[i + 2]), x3 = vf_set(value[i + 3]);
        for (ptrdiff_t o = 0; o < width; o += ACY_LANES) {
            vf sum = vf_load(y + o);
            sum += x0 * vf_load(w0 + o);
            sum += x1 * vf_load(w1 + o);
            sum += x2 * vf_load(w2 + o);
            sum += x3 * vf_load(w3 + o);
            vf_store(y + o, sum);
        }
    }
    for (; i < n_values; i++) {
        const float *const w0 = weight + index[i] * row;
        for (ptrdiff_t o = 0; o < width; o += ACY_LANES)
            vf_store(y + o, vf_load(y + o) + value[i] * vf_load(w0 + o));
    }

    for (ptrdiff_t o = 0; o < width; o += ACY_LANES) {
        vf sum = vf_load(y + o) + 0.0f;
        vf_store(y + o, linear->relu ? vf_relu(sum) : sum);
    }
    const ptrdiff_t valid = (end < linear->valid_width ? end : linear->valid_width) - begin;
    if (valid > 0) memcpy(linear->output + begin, y, (size_t)valid * sizeof(float));
}

/* slices[column / ACY_PANEL_WIDTH][k][ACY_PANEL_WIDTH] = weight[k][column]: the order in which the
 * register tile reads its panel. The last slice is as narrow as whole vectors allow. */
ACY_INLINE void slice_panel(const float *weight, ptrdiff_t row, ptrdiff_t depth, ptrdiff_t width,
                            float *slices) {
    for (ptrdiff_t k = 0; k < depth; k++)
        for (ptrdiff_t o = 0; o < width; o += ACY_LANES) {
            const ptrdiff_t slice = o / ACY_PANEL_WIDTH * ACY_PANEL_WIDTH;
            const ptrdiff_t left = width - slice;
            const ptrdiff_t slice_width = left < ACY_PANEL_WIDTH ? left : ACY_PANEL_WIDTH;
            vf_store(slices + slice * depth + k * slice_width + (o - slice),
                     vf_load(weight + k * row + o));
        }
}

/* Images of one call of the register tile: as many as their row pointers have room on the stack. */
#define ACY_LINEAR_IMAGES 64

static void matrix_matrix(const acy_linear *linear, ptrdiff_t begin, ptrdiff_t end,
                          float *scratch) {
    const float *x[ACY_LINEAR_IMAGES];
    float *c[ACY_LINEAR_IMAGES];
    float edge[ACY_LINEAR_IMAGES * ACY_PANEL_WIDTH] ACY_ALIGNED;

    for (ptrdiff_t k = 0; k < linear->depth; k += ACY_LINEAR_BLOCK) {
        const ptrdiff_t left = linear->depth - k;
        const acy_segment block = {k, left < ACY_LINEAR_BLOCK ? left : ACY_LINEAR_BLOCK};
        const int last = k + block.length == linear->depth;
        const int finish = !last ? ACY_PARTIAL : linear->relu ? ACY_FINAL_RELU : ACY_FINAL;
        slice_panel(linear->weight + k * linear->width + begin, linear->width, block.length,
                    end - begin, scratch);

        for (ptrdiff_t first = 0; first < linear->n_images; first += ACY_LINEAR_IMAGES) {
            const ptrdiff_t rest = linear->n_images - first;
            const ptrdiff_t n = rest < ACY_LINEAR_IMAGES ? rest : ACY_LINEAR_IMAGES;
            for (ptrdiff_t i = 0; i < n; i++) x[i] = linear->input + (first + i) * linear->depth;
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
                gemm_rows(x, n, width, &block, 1, scratch + (o - begin) * block.length, c,
                          k == 0 ? linear->bias + o : NULL, finish);
                for (ptrdiff_t i = 0; narrow && valid > 0 && i < n; i++)
                    memcpy(y + i * linear->output_stride, c[i], (size_t)valid * sizeof(float));
            }
        }
    }
}
