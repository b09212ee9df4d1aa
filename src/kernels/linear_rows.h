/* The fully connected layers straight from rows as files have them, one for every output, for
 * weights that are multiplied only once: they need not be packed for it.
 *
 *     y[n][o] = relu(bias[o] + sum_k x[n][k] * weight[o][k])
 *
 * Eight rows at a time are transposed in squares of 8 x 8 that never leave the registers (pack.h).
 * Every output is the chain of multiply-adds that linear.h makes of it, with the same bits: the
 * inputs that are zero, which that may leave out, change nothing.
 */

/* sum[n] += x[n][k] * row[k],  k < n_inputs <= 8; the x of an image are `depth` floats apart. */
ACY_INLINE void add_square(const square_row *row, int n_inputs, const float *x, ptrdiff_t depth,
                           ptrdiff_t n_images, square_row *sum) {
    for (ptrdiff_t n = 0; n < n_images; n++, x += depth) {
        square_row total = sum[n];
        if (n_inputs == SQUARE)
            ACY_UNROLL for (int k = 0; k < SQUARE; k++) total += row[k] * x[k];
        else
            for (int k = 0; k < n_inputs; k++) total += row[k] * x[k];
        sum[n] = total;
    }
}

static int linear_rows(const float *weight, ptrdiff_t n_outputs, ptrdiff_t n_inputs,
                       const float *bias, const float *x, ptrdiff_t n_images, float *y,
                       ptrdiff_t y_stride, int relu) {
    square_row not_finite = {0};
    for (ptrdiff_t o = 0; o < n_outputs; o += SQUARE) {
        const int n_rows = n_outputs - o < SQUARE ? (int)(n_outputs - o) : SQUARE;
        const float *from[SQUARE]; /* beyond the last row the last one again */
        float begin[SQUARE];
        for (int i = 0; i < SQUARE; i++) {
            const ptrdiff_t output = o + (i < n_rows ? i : n_rows - 1);
            from[i] = weight + output * n_inputs;
            begin[i] = bias[output];
        }
        square_row sum[ACY_LINEAR_FEW], row[SQUARE];
        for (ptrdiff_t n = 0; n < n_images; n++) memcpy(&sum[n], begin, sizeof sum[n]);

        const ptrdiff_t whole = n_inputs / SQUARE * SQUARE;
        for (ptrdiff_t k = 0; k < whole; k += SQUARE) {
            ACY_UNROLL for (int i = 0; i < SQUARE; i++) {
                memcpy(&row[i], from[i] + k, sizeof row[i]);
                not_finite += row[i] * 0.0f; /* inf * 0 is NaN */
            }
            transpose_registers(row);
            add_square(row, SQUARE, x + k, n_inputs, n_images, sum);
        }
        if (whole < n_inputs) {
            const size_t bytes = (size_t)(n_inputs - whole) * sizeof(float);
            for (int i = 0; i < SQUARE; i++) {
                row[i] = (square_row){0};
                memcpy(&row[i], from[i] + whole, bytes);
                not_finite += row[i] * 0.0f;
            }
            transpose_registers(row);
            add_square(row, (int)(n_inputs - whole), x + whole, n_inputs, n_images, sum);
        }

        for (ptrdiff_t n = 0; n < n_images; n++)
            for (int i = 0; i < n_rows; i++) {
                const float total = sum[n][i] + 0.0f; /* as linear.h: -0 becomes 0 */
                y[n * y_stride + o + i] = relu && total < 0.0f ? 0.0f : total;
            }
    }
    return is_all_zero(&not_finite);
}
