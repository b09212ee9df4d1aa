/* Local response normalisation within channels (Caffe's WITHIN_CHANNEL):
 *
 *     y[h, w, c] = x[h, w, c] * (k + alpha * sum of x[i, j, c]^2)^-beta,   |i - h|, |j - w| <= r
 *
 * with r = (size - 1) / 2, over the pixels that exist. A window is added up by its columns, from
 * the top down, then from the left to the right: the columns of a row of outputs are shared by all
 * windows that they are in, and no sum depends on which rows one call computes.
 */

/* The floats of a pixel in a row of columns: its channels, filled up. */
ACY_INLINE ptrdiff_t whole_vectors(ptrdiff_t channels) {
    return (channels + ACY_LANES - 1) / ACY_LANES * ACY_LANES;
}

ACY_INLINE acy_range around(ptrdiff_t i, const acy_norm *norm, ptrdiff_t length) {
    return window_range(i, 1, norm->size / 2, norm->size, length);
}

/* columns[w, c] = sum of x[i, w, c]^2 over the rows of a window */
static void columns_of_squares(const acy_image *x, acy_range rows, float *columns) {
    const ptrdiff_t whole = whole_vectors(x->channels);
    for (ptrdiff_t w = 0; w < x->width; w++, columns += whole)
        for (ptrdiff_t c = 0; c < x->channels; c += ACY_LANES) {
            const float *from = x->data + rows.begin * x->row_stride + w * x->pixel_stride + c;
            vf sum = vf_zero();
            for (ptrdiff_t i = rows.begin; i < rows.end; i++, from += x->row_stride) {
                const vf value = load_channels(from, x->channels - c);
                sum += value * value;
            }
            vf_store(columns + c, sum);
        }
}

/* The sum of a window's columns for one vector of channels, `whole` floats from one to the next. */
ACY_INLINE vf sum_of_columns(const float *columns, acy_range window, ptrdiff_t whole) {
    vf sum = vf_zero();
    for (ptrdiff_t j = window.begin; j < window.end; j++) sum += vf_load(columns + j * whole);
    return sum;
}

static void norm_within_channel(const acy_image *input, const acy_image *output,
                                const acy_norm *norm, ptrdiff_t row_begin, ptrdiff_t row_end,
                                float *scratch) {
    const ptrdiff_t channels = input->channels, whole = whole_vectors(channels);
    for (ptrdiff_t h = row_begin; h < row_end; h++) {
        columns_of_squares(input, around(h, norm, input->height), scratch);
        for (ptrdiff_t w = 0; w < input->width; w++) {
            const acy_range window = around(w, norm, input->width);
            const float *x = input->data + h * input->row_stride + w * input->pixel_stride;
            float *y = output->data + h * output->row_stride + w * output->pixel_stride;
            for (ptrdiff_t c = 0; c < channels; c += ACY_LANES) {
                const vf sum = sum_of_columns(scratch + c, window, whole);
                const vf scale = power_of_minus_beta(norm->k + norm->alpha * sum, norm->beta);
                store_channels(y + c, load_channels(x + c, channels - c) * scale, channels - c);
            }
        }
    }
}
