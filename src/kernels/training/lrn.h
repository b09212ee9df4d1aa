/* The gradient of local response normalisation. With s_j = k + alpha * sum of the squares of the
 * window of j, and y_j = x_j s_j^-beta:
 *
 *     dx_c = dy_c s_c^-beta - 2 alpha beta x_c * sum of dy_j x_j s_j^(-beta - 1)
 *
 * over the channels j whose window holds c: [c - (size - 1) / 2, c + size / 2], the mirror image of
 * a window of even size. s is computed anew, so that nothing is kept of the forward pass but x.
 */

/* s^-beta, and in *next s^(-beta - 1). For beta = 3/4 both are products of 1 / sqrt(s) and its own
 * root: one division for two powers. */
ACY_INLINE vf powers_of(vf s, float beta, vf *next) {
    if (beta == 0.75f) {
        const vf r = 1.0f / vf_sqrt(s), power = r * vf_sqrt(r);
        *next = power * (r * r);
        return power;
    }
    vf power;
    for (int lane = 0; lane < ACY_LANES; lane++) power[lane] = powf(s[lane], -beta);
    *next = power / s;
    return power;
}

ACY_INLINE vf where_positive(vf x, vf value) { return (vf)((x > vf_zero()) & (vi)value); }

/* One pixel. The three parts of `scratch` hold squares and t_j = dy_j x_j s_j^(-beta - 1), with
 * zeros about them and whole vectors at the end, and s^-beta. */
static void norm_gradient_pixel(const float *x, const float *dy, float *dx, ptrdiff_t channels,
                                const acy_norm *norm, int relu, float *scratch) {
    const ptrdiff_t part = channels + norm->size + 2 * ACY_LANES;
    float *const squares = scratch + norm->size / 2;
    float *const t = scratch + part + (norm->size - 1) / 2, *const power = scratch + 2 * part;
    for (ptrdiff_t c = 0; c < channels; c += ACY_LANES) {
        const ptrdiff_t left = channels - c;
        const vf x_c = load_channels(x + c, left);
        store_channels(squares + c, x_c * x_c, left);
    }
    for (ptrdiff_t c = 0; c < channels; c += ACY_LANES) {
        const ptrdiff_t left = channels - c;
        vf sum = vf_zero(), next;
        for (ptrdiff_t j = 0; j < norm->size; j++) sum += vf_load(scratch + c + j);
        vf_store(power + c, powers_of(norm->k + norm->alpha * sum, norm->beta, &next));
        store_channels(t + c,
                       vf_rounded(load_channels(dy + c, left) * load_channels(x + c, left)) * next,
                       left);
    }
    const float factor = 2.0f * norm->alpha * norm->beta;
    for (ptrdiff_t c = 0; c < channels; c += ACY_LANES) {
        const ptrdiff_t left = channels - c;
        vf sum = vf_zero();
        for (ptrdiff_t j = 0; j < norm->size; j++) sum += vf_load(scratch + part + c + j);
        const vf x_c = load_channels(x + c, left);
        const vf scaled = vf_rounded(load_channels(dy + c, left) * vf_load(power + c));
        vf out = scaled - x_c * (factor * sum);
        if (relu) out = where_positive(x_c, out);
        store_channels(dx + c, out, left);
    }
}

/* One pixel of whole vectors, with AlexNet's window of five channels and beta = 3/4: all in
 * registers, one vector of channels behind for the neighbours that t needs. The same order of
 * additions as norm_gradient_pixel. */
ACY_INLINE vf sum_of_five(vf before, vf here, vf after) {
    vf sum = vf_zero() + vf_from_pair(before, here, ACY_LANES - 2);
    sum += vf_from_pair(before, here, ACY_LANES - 1);
    sum += here;
    sum += vf_from_pair(here, after, 1);
    sum += vf_from_pair(here, after, 2);
    return sum;
}
ACY_INLINE void norm_gradient_five(const float *x, const float *dy, float *dx, ptrdiff_t channels,
                                   const acy_norm *norm, int relu) {
    const float factor = 2.0f * norm->alpha * norm->beta;
    vf squares_before = vf_zero(), squares = vf_load(x) * vf_load(x);
    vf t_before = vf_zero(), t = vf_zero(), x_last = vf_zero(), scaled = vf_zero();
    for (ptrdiff_t c = 0; c <= channels; c += ACY_LANES) {
        vf t_after = vf_zero(), x_c = vf_zero(), scaled_next = vf_zero();
        if (c < channels) {
            vf squares_after = vf_zero(), next;
            if (c + ACY_LANES < channels) squares_after = vf_load(x + c + ACY_LANES);
            squares_after *= squares_after;
            const vf s =
                norm->k + norm->alpha * sum_of_five(squares_before, squares, squares_after);
            const vf power = powers_of(s, 0.75f, &next), dy_c = vf_load(dy + c);
            x_c = vf_load(x + c);
            t_after = vf_rounded(dy_c * x_c) * next;
            scaled_next = vf_rounded(dy_c * power);
            squares_before = squares;
            squares = squares_after;
        }
        if (c > 0) {
            vf out = scaled - x_last * (factor * sum_of_five(t_before, t, t_after));
            if (relu) out = where_positive(x_last, out);
            vf_store(dx + c - ACY_LANES, out);
        }
        t_before = t;
        t = t_after;
        x_last = x_c;
        scaled = scaled_next;
    }
}

static void norm_gradient(const acy_image *x, const acy_image *dy, const acy_image *dx,
                          const acy_norm *norm, int relu, ptrdiff_t row_begin, ptrdiff_t row_end,
                          float *scratch) {
    const ptrdiff_t part = x->channels + norm->size + 2 * ACY_LANES;
    const int five = norm->size == 5 && norm->beta == 0.75f && x->channels % ACY_LANES == 0;
    if (!five) memset(scratch, 0, (size_t)(3 * part) * sizeof(float));
    for (ptrdiff_t h = row_begin; h < row_end; h++)
        for (ptrdiff_t w = 0; w < x->width; w++) {
            const float *const from = x->data + h * x->row_stride + w * x->pixel_stride;
            const float *const error = dy->data + h * dy->row_stride + w * dy->pixel_stride;
            float *const to = dx->data + h * dx->row_stride + w * dx->pixel_stride;
            if (five)
                norm_gradient_five(from, error, to, x->channels, norm, relu);
            else
                norm_gradient_pixel(from, error, to, x->channels, norm, relu, scratch);
        }
}

static void norm_and_pool_gradient(const acy_image *x, const acy_image *dy, const uint8_t *winners,
                                   const acy_image *dx, const acy_norm *norm,
                                   const acy_pool_window *window, int relu, ptrdiff_t row_begin,
                                   ptrdiff_t row_end, float *scratch) {
    acy_image row = *x; /* what the pooling gives back of one row */
    row.data = scratch;
    row.pixel_stride = x->channels;
    row.row_stride = x->width * x->channels;
    for (ptrdiff_t h = row_begin; h < row_end; h++) {
        acy_image from = *x, to = *dx;
        from.data += h * x->row_stride;
        to.data += h * dx->row_stride;
        max_pool_gradient_row(dy, winners, &row, NULL, 0, window, h, row.data);
        norm_gradient(&from, &row, &to, norm, relu, 0, 1, scratch + row.row_stride);
    }
}
