/* The gradient of local response normalisation within channels. With s = k + alpha * sum of the
 * squares of a window, and y = x s^-beta:
 *
 *     dx = dy s^-beta - 2 alpha beta x * sum of t,   t = dy x s^(-beta - 1)
 *
 * over the same window, which is its own mirror image. s is computed anew, as in lrn.h.
 */

/* Row h of t, and of dy s^-beta; channels beyond the last are 0 in t. `columns` is scratch. */
static void norm_within_terms(const acy_image *x, const acy_image *dy, const acy_norm *norm,
                              ptrdiff_t h, float *columns, float *t, float *scaled) {
    const ptrdiff_t channels = x->channels, whole = whole_vectors(channels);
    columns_of_squares(x, around(h, norm, x->height), columns);
    for (ptrdiff_t w = 0; w < x->width; w++, t += whole, scaled += whole) {
        const acy_range window = around(w, norm, x->width);
        const float *value = x->data + h * x->row_stride + w * x->pixel_stride;
        const float *error = dy->data + h * dy->row_stride + w * dy->pixel_stride;
        for (ptrdiff_t c = 0; c < channels; c += ACY_LANES) {
            const ptrdiff_t left = channels - c;
            const vf s = norm->k + norm->alpha * sum_of_columns(columns + c, window, whole);
            const vf dy_c = load_channels(error + c, left);
            vf next;
            const vf power = powers_of(s, norm->beta, &next);
            vf_store(t + c, vf_rounded(dy_c * load_channels(value + c, left)) * next);
            vf_store(scaled + c, vf_rounded(dy_c * power));
        }
    }
}

/* Rows of t and of dy s^-beta stand in rings of `size` rows, or as many as the image has, so that
 * each is computed once for all rows of dx that one call makes. */
static void norm_within_gradient(const acy_image *x, const acy_image *dy, const acy_image *dx,
                                 const acy_norm *norm, int relu, ptrdiff_t row_begin,
                                 ptrdiff_t row_end, float *scratch) {
    const ptrdiff_t channels = x->channels, whole = whole_vectors(channels);
    const ptrdiff_t row = x->width * whole;
    const ptrdiff_t ring = norm->size < x->height ? norm->size : x->height;
    float *const columns = scratch, *const t = columns + row, *const scaled = t + ring * row;
    const float factor = 2.0f * norm->alpha * norm->beta;
    ptrdiff_t done = around(row_begin, norm, x->height).begin; /* rows before it are there */
    for (ptrdiff_t h = row_begin; h < row_end; h++) {
        const acy_range rows = around(h, norm, x->height);
        for (; done < rows.end; done++)
            norm_within_terms(x, dy, norm, done, columns, t + done % ring * row,
                              scaled + done % ring * row);
        for (ptrdiff_t i = 0; i < row; i += ACY_LANES) {
            vf sum = vf_zero();
            ptrdiff_t place = rows.begin % ring;
            for (ptrdiff_t j = rows.begin; j < rows.end; j++) {
                sum += vf_load(t + place * row + i);
                if (++place == ring) place = 0;
            }
            vf_store(columns + i, sum);
        }
        for (ptrdiff_t w = 0; w < x->width; w++) {
            const acy_range window = around(w, norm, x->width);
            const float *value = x->data + h * x->row_stride + w * x->pixel_stride;
            const float *first = scaled + h % ring * row + w * whole;
            float *to = dx->data + h * dx->row_stride + w * dx->pixel_stride;
            for (ptrdiff_t c = 0; c < channels; c += ACY_LANES) {
                const ptrdiff_t left = channels - c;
                const vf x_c = load_channels(value + c, left);
                const vf sum = sum_of_columns(columns + c, window, whole);
                vf out = vf_load(first + c) - x_c * (factor * sum);
                if (relu) out = where_positive(x_c, out);
                store_channels(to + c, out, left);
            }
        }
    }
}
