/* ReLU and softmax: what works on one flat row. */

static void relu(const float *x, float *y, ptrdiff_t n) {
    ptrdiff_t i = 0;
    for (; i + ACY_LANES <= n; i += ACY_LANES) vf_store(y + i, vf_relu(vf_load(x + i)));
    if (i < n) vf_store_first(y + i, vf_relu(vf_load_first(x + i, n - i)), n - i);
}

/* y[i] = exp(x[i] - max(x)) / sum_j exp(x[j] - max(x))
 *
 * Subtracting the maximum keeps every exponent at or below zero, so nothing overflows. A NaN makes
 * the whole row NaN, and so does +inf, as inf - inf. The sum is taken in double and one row at a
 * time: a thousand calls of expf cost 5 microseconds beside a network of milliseconds. */
static void softmax(const float *x, float *y, ptrdiff_t n) {
    float largest = n > 0 ? x[0] : 0.0f;
    for (ptrdiff_t i = 1; i < n; i++)
        if (x[i] > largest) largest = x[i];
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        y[i] = expf(x[i] - largest);
        sum += y[i];
    }
    for (ptrdiff_t i = 0; i < n; i++) y[i] = (float)(y[i] / sum);
}
