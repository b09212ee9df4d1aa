/* Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3):
 *
 *     y[c] = x[c] * (k + alpha * sum of x[j]^2 over j in [c - size / 2, c + (size - 1) / 2])^-beta
 *
 * The window is clipped at the first and last channel; an even size reaches one further down than
 * up, as PyTorch's does. The sums are taken anew for every channel: a running sum would drift and
 * would chain every channel to the one before it.
 */

/* s^-3/4 = 1 / (sqrt(s) * sqrt(sqrt(s))): three correctly rounded steps instead of a power. */
ACY_INLINE vf power_minus_three_quarters(vf s) {
    const vf root = vf_sqrt(s);
    return 1.0f / (root * vf_sqrt(root));
}

ACY_INLINE vf power_of_minus_beta(vf s, float beta) {
    if (beta == 0.75f) return power_minus_three_quarters(s);
    vf power;
    for (int lane = 0; lane < ACY_LANES; lane++) power[lane] = powf(s[lane], -beta);
    return power;
}

/* One pixel of whole vectors, with AlexNet's window of five channels and beta = 3/4. The squares
 * stay in registers: written first and read shifted, they would wait in the store queue for the
 * results of the pixel before, which is twice as slow. The same order of additions as norm_any. */
ACY_INLINE void norm_five(const float *x, float *y, ptrdiff_t channels, vf alpha, vf k) {
    vf before = vf_zero(), here = vf_load(x) * vf_load(x);
    for (ptrdiff_t c = 0; c < channels; c += ACY_LANES) {
        vf after = vf_zero();
        if (c + ACY_LANES < channels) after = vf_load(x + c + ACY_LANES);
        after *= after;
        vf sum = vf_from_pair(before, here, ACY_LANES - 2);
        sum += vf_from_pair(before, here, ACY_LANES - 1);
        sum += here;
        sum += vf_from_pair(here, after, 1);
        sum += vf_from_pair(here, after, 2);
        vf_store(y + c, vf_load(x + c) * power_minus_three_quarters(k + alpha * sum));
        before = here;
        here = after;
    }
}

/* The squares of one pixel, with zeros about them and whole vectors to read at the end, are in
 * `squares`, from squares[-(size / 2)] on. */
static void norm_any(const float *x, float *y, ptrdiff_t channels, const acy_norm *norm,
                     float *squares) {
    ptrdiff_t c = 0;
    for (; c + ACY_LANES <= channels; c += ACY_LANES)
        vf_store(squares + c, vf_load(x + c) * vf_load(x + c));
    for (; c < channels; c++) squares[c] = x[c] * x[c];

    for (c = 0; c < channels; c += ACY_LANES) {
        const float *const window = squares + c - norm->size / 2;
        vf sum = vf_zero();
        for (ptrdiff_t j = 0; j < norm->size; j++) sum += vf_load(window + j);
        const vf scale = power_of_minus_beta(norm->k + norm->alpha * sum, norm->beta);
        const ptrdiff_t left = channels - c;
        if (left < ACY_LANES)
            vf_store_first(y + c, vf_load_first(x + c, left) * scale, left);
        else
            vf_store(y + c, vf_load(x + c) * scale);
    }
}

static void local_response_norm(const acy_image *input, const acy_image *output,
                                const acy_norm *norm, ptrdiff_t row_begin, ptrdiff_t row_end,
                                float *scratch) {
    const ptrdiff_t channels = input->channels;
    const vf alpha = vf_set(norm->alpha), k = vf_set(norm->k);
    const int five = norm->size == 5 && channels % ACY_LANES == 0;
    memset(scratch, 0, (size_t)(channels + norm->size + 2 * ACY_LANES) * sizeof(float));

    for (ptrdiff_t p = row_begin; p < row_end; p++)
        for (ptrdiff_t q = 0; q < input->width; q++) {
            const float *x = input->data + p * input->row_stride + q * input->pixel_stride;
            float *y = output->data + p * output->row_stride + q * output->pixel_stride;
            if (five && norm->beta == 0.75f)
                norm_five(x, y, channels, alpha, k);
            else
                norm_any(x, y, channels, norm, scratch + norm->size / 2);
        }
}
