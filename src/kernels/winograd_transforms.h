/* The one-dimensional transforms of Winograd's convolution, over columns of vectors; winograd.h
 * says where they stand, alexnet_cy/engine/winograd.py makes the matrices. Points come in the order
 * of that file: single ones (infinity, zero), then pairs p, -p. How many points there are tells how
 * many of them are single.
 */
#define WINOGRAD_SINGLES(points) ((points) % 2 ? 1 : (points) == ACY_WINOGRAD_POINTS ? 2 : 0)

/* Transforms take a tile column by column: `count` columns of vectors, `next` floats apart, the
 * vectors of each `stride` floats apart. */
typedef struct {
    ptrdiff_t stride, next;
} acy_steps;

/* y[i] = sum_j matrix[i][j] * x[j],  i, j < points: B^T. The rows of p and -p differ in the signs
 * of the odd columns alone, so that they share two half sums. The row of the last single point has
 * entries in even columns only, that of the one before it in odd columns. */
ACY_INLINE void input_columns(const int points, const float *matrix, const float *x, acy_steps from,
                              float *y, acy_steps to, int count) {
    const int singles = WINOGRAD_SINGLES(points);
    for (; count > 0; count--, x += from.next, y += to.next) {
        vf in[ACY_WINOGRAD_POINTS];
        ACY_UNROLL for (int j = 0; j < points; j++) in[j] = vf_load(x + j * from.stride);
        ACY_UNROLL for (int i = 0; i < singles; i++) {
            const float *const row = matrix + i * points;
            const int first = singles - 1 - i;
            vf sum = in[first] * row[first];
            ACY_UNROLL for (int j = first + 2; j < points; j += 2) sum += in[j] * row[j];
            vf_store(y + i * to.stride, sum);
        }
        ACY_UNROLL for (int i = singles; i < points; i += 2) {
            const float *const row = matrix + i * points;
            vf even = in[0] * row[0], odd = in[1] * row[1];
            ACY_UNROLL for (int j = 2; j < points; j += 2) even += in[j] * row[j];
            ACY_UNROLL for (int j = 3; j < points; j += 2) odd += in[j] * row[j];
            vf_store(y + i * to.stride, even + odd);
            vf_store(y + (i + 1) * to.stride, even - odd);
        }
    }
}

/* The sum of a row of A^T: its single entries, and the first of every pair of entries. */
ACY_INLINE vf output_row(const int points, const float *row, const vf *single, const vf *pair) {
    const int singles = WINOGRAD_SINGLES(points);
    vf sum = singles ? single[0] * row[0] : pair[0] * row[0];
    ACY_UNROLL for (int j = 1; j < singles; j++) sum += single[j] * row[j];
    ACY_UNROLL for (int j = singles ? singles : 2; j < points; j += 2) sum +=
        pair[(j - singles) / 2] * row[j];
    return sum;
}

/* y[i] = sum_j matrix[i][j] * x[j],  i < outputs, j < points: A^T. The columns of p and -p differ
 * in the signs of the odd rows alone: x[p] + x[-p] serves the even rows, x[p] - x[-p] the odd ones.
 */
ACY_INLINE void output_columns(const int points, int outputs, const float *matrix, const float *x,
                               acy_steps from, float *y, acy_steps to, int count) {
    const int singles = WINOGRAD_SINGLES(points), pairs = (points - singles) / 2;
    for (; count > 0; count--, x += from.next, y += to.next) {
        vf single[2], sum[ACY_WINOGRAD_POINTS / 2], difference[ACY_WINOGRAD_POINTS / 2];
        ACY_UNROLL for (int j = 0; j < singles; j++) single[j] = vf_load(x + j * from.stride);
        ACY_UNROLL for (int k = 0; k < pairs; k++) {
            const float *const pair = x + (singles + 2 * k) * from.stride;
            const vf plus = vf_load(pair), minus = vf_load(pair + from.stride);
            sum[k] = plus + minus;
            difference[k] = plus - minus;
        }
        for (int i = 0; i < outputs; i += 2) {
            const float *const row = matrix + i * points;
            vf_store(y + i * to.stride, output_row(points, row, single, sum));
            if (i + 1 < outputs)
                vf_store(y + (i + 1) * to.stride,
                         output_row(points, row + points, single, difference));
        }
    }
}

/* y = sum_k row[k] * x[k],  k < taps: one row of G. Of x there are `vectors` vectors a tap. */
ACY_INLINE void kernel_row(const int taps, const float *row, const float *x, ptrdiff_t stride,
                           float *y, int vectors) {
    for (int n = 0; n < vectors; n++, x += ACY_LANES, y += ACY_LANES) {
        vf sum = vf_load(x) * row[0];
        ACY_UNROLL for (int k = 1; k < taps; k++) sum += vf_load(x + k * stride) * row[k];
        vf_store(y, sum);
    }
}

/* y[i] = sum_k matrix[i][k] * x[k],  i < points, k < taps: all rows of G. Those of p and -p differ
 * in the signs of the odd columns alone. Infinity, the first single point, takes nothing but the
 * last tap, and zero, the second one, nothing but the first. */
ACY_INLINE void kernel_rows(const int taps, int points, const float *matrix, const float *x,
                            ptrdiff_t from_stride, float *y, ptrdiff_t to_stride, int vectors) {
    const int singles = WINOGRAD_SINGLES(points);
    for (int i = 0; i < singles; i++) {
        const int k = i == 0 ? taps - 1 : 0;
        kernel_row(1, matrix + i * taps + k, x + k * from_stride, 0, y + i * to_stride, vectors);
    }
    for (int i = singles; i < points; i += 2) {
        const float *const row = matrix + i * taps, *in = x;
        float *plus = y + i * to_stride, *minus = plus + to_stride;
        for (int n = 0; n < vectors; n++) {
            vf even = vf_load(in) * row[0], odd = vf_zero();
            if (taps > 1) odd = vf_load(in + from_stride) * row[1];
            ACY_UNROLL for (int k = 2; k < taps; k += 2) even +=
                vf_load(in + k * from_stride) * row[k];
            ACY_UNROLL for (int k = 3; k < taps; k += 2) odd +=
                vf_load(in + k * from_stride) * row[k];
            vf_store(plus, even + odd);
            vf_store(minus, even - odd);
            in += ACY_LANES;
            plus += ACY_LANES;
            minus += ACY_LANES;
        }
    }
}

/* For any number of points or taps, each with its own unrolled loops. */
#define WINOGRAD_CASE(points, call)                                                                \
    case points:                                                                                   \
        call;                                                                                      \
        break;
ACY_NOINLINE void transform_input(int points, const float *matrix, const float *x, acy_steps from,
                                  float *y, acy_steps to, int count) {
    switch (points) {
#define INPUT(n) WINOGRAD_CASE(n, input_columns(n, matrix, x, from, y, to, count))
        INPUT(1) INPUT(2) INPUT(3) INPUT(4) INPUT(5) INPUT(6) INPUT(7) INPUT(8)
#undef INPUT
    }
}
ACY_NOINLINE void transform_output(int points, int outputs, const float *matrix, const float *x,
                                   acy_steps from, float *y, acy_steps to, int count) {
    switch (points) {
#define OUTPUT(n) WINOGRAD_CASE(n, output_columns(n, outputs, matrix, x, from, y, to, count))
        OUTPUT(1) OUTPUT(2) OUTPUT(3) OUTPUT(4) OUTPUT(5) OUTPUT(6) OUTPUT(7) OUTPUT(8)
#undef OUTPUT
    }
}
ACY_NOINLINE void transform_kernel_row(int taps, const float *row, const float *x, ptrdiff_t stride,
                                       float *y, int vectors) {
    switch (taps) {
#define ROW(n) WINOGRAD_CASE(n, kernel_row(n, row, x, stride, y, vectors))
        ROW(1) ROW(2) ROW(3) ROW(4) ROW(5) ROW(6) ROW(7) ROW(8)
#undef ROW
    }
}
ACY_NOINLINE void transform_kernel(int taps, int points, const float *matrix, const float *x,
                                   ptrdiff_t from_stride, float *y, ptrdiff_t to_stride,
                                   int vectors) {
    switch (taps) {
#define KERNEL(n)                                                                                  \
    WINOGRAD_CASE(n, kernel_rows(n, points, matrix, x, from_stride, y, to_stride, vectors))
        KERNEL(1) KERNEL(2) KERNEL(3) KERNEL(4) KERNEL(5) KERNEL(6) KERNEL(7) KERNEL(8)
#undef KERNEL
    }
}
