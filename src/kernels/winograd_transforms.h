/* The one-dimensional transforms of Winograd's convolution, over columns of vectors; winograd.h
 * says where they stand, alexnet_cy/engine/winograd.py derives them. Points come in the order of
 * that file: single ones (infinity, zero), then pairs p, -p. The number of points says how
 * many of them are single; `zero` whether zero is among them.
 */
#define WINOGRAD_SINGLES(points) ((points) % 2 ? 1 : (points) == ACY_WINOGRAD_POINTS ? 2 : 0)
#define WINOGRAD_PAIRS(points) (((points) - WINOGRAD_SINGLES(points)) / 2)

/* Transforms take a tile column by column: `count` columns of vectors, `next` floats apart, the
 * vectors of each `stride` floats apart. */
typedef struct {
    ptrdiff_t stride, next;
} acy_steps;

/* y = B^T x. Over the pairs p let R(t) be the product of (t - p^2), Q_p(t) = R(t) / (t - p^2), and
 * z = x where zero is among the points, else 1. The rows of B^T are coefficients of polynomials:
 *
 *     infinity: z R(x^2)     zero: R(x^2)     p: z (x + p) Q_p(x^2)     -p: z (x - p) Q_p(x^2),
 *
 * that of -p negative where z = 1. So p and -p share two sums, over even and over odd columns, with
 * the same coefficients; and the highest one is always 1. `coefficients` are the others: those of
 * R, then for every pair p and those of Q_p, the lowest first. */
ACY_INLINE void input_columns(const int points, const int zero, const float *coefficients,
                              const float *x, acy_steps from, float *y, acy_steps to, int count) {
    const int singles = WINOGRAD_SINGLES(points), pairs = WINOGRAD_PAIRS(points);
    for (; count > 0; count--, x += from.next, y += to.next) {
        vf in[ACY_WINOGRAD_POINTS];
        ACY_UNROLL for (int j = 0; j < points; j++) in[j] = vf_load(x + j * from.stride);
        ACY_UNROLL for (int i = 0; i < singles; i++) {
            const vf *const column = in + (singles - 1 - i); /* of two, infinity has z = x */
            vf sum = column[2 * pairs];
            ACY_UNROLL for (int k = 0; k < pairs; k++) sum += column[2 * k] * coefficients[k];
            vf_store(y + i * to.stride, sum);
        }
        ACY_UNROLL for (int i = 0; i < pairs; i++) {
            const vf *const column = in + zero;
            const float *const p = coefficients + pairs + i * pairs, *const q = p + 1;
            vf even = column[2 * pairs - 2], odd = column[2 * pairs - 1];
            ACY_UNROLL for (int k = 0; k < pairs - 1; k++) {
                even += column[2 * k] * q[k];
                odd += column[2 * k + 1] * q[k];
            }
            even *= p[0];
            float *const pair = y + (singles + 2 * i) * to.stride;
            vf_store(pair, odd + even);
            vf_store(pair + to.stride, zero ? odd - even : even - odd);
        }
    }
}

/* y = A^T x: y[i] is the sum over the pairs of scale_p p^i (x[p] + (-1)^i x[-p]), and x of zero and
 * of infinity stand in the first and in the last row alone. `coefficients` are the scale of zero,
 * then scale_p p^i for all i and p. Where the tile's outputs are finished, y is at least `floor`
 * and has `bias` added. */
ACY_INLINE void output_columns(const int points, const int outputs, const int zero,
                               const int finish, const float *coefficients, const float *x,
                               acy_steps from, float *y, acy_steps to, int count, const float *bias,
                               float floor) {
    const int singles = WINOGRAD_SINGLES(points), pairs = WINOGRAD_PAIRS(points);
    const vf added = finish ? vf_load(bias) : vf_zero(), least = vf_set(floor);
    for (; count > 0; count--, x += from.next, y += to.next) {
        vf sum[ACY_WINOGRAD_POINTS / 2], difference[ACY_WINOGRAD_POINTS / 2];
        ACY_UNROLL for (int k = 0; k < pairs; k++) {
            const float *const pair = x + (singles + 2 * k) * from.stride;
            const vf plus = vf_load(pair), minus = vf_load(pair + from.stride);
            sum[k] = plus + minus;
            difference[k] = plus - minus;
        }
        ACY_UNROLL for (int i = 0; i < outputs; i++) {
            const float *const row = coefficients + 1 + i * pairs;
            const vf *const half = i % 2 ? difference : sum;
            vf out = pairs ? half[0] * row[0] : vf_zero();
            ACY_UNROLL for (int k = 1; k < pairs; k++) out += half[k] * row[k];
            if (zero && i == 0) out += vf_load(x + (singles - 1) * from.stride) * coefficients[0];
            if (singles > zero && i == outputs - 1) out += vf_load(x);
            vf_store(y + i * to.stride, finish ? vf_at_least(out + added, least) : out);
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

/* A function for every tile, each with its own unrolled loops: WINOGRAD_TILES(F) is F(points,
 * outputs, zero) for all there can be, WINOGRAD_POINT_SETS(F) is F(points, zero). Their tables are
 * input_transforms[zero][points] and output_transforms[finish][zero][points][outputs]. */
/* clang-format off */
#define WINOGRAD_POINT_SETS(F) \
    F(1, 0) F(2, 0) F(3, 0) F(4, 0) F(5, 0) F(6, 0) F(7, 0) F(1, 1) F(3, 1) F(5, 1) F(7, 1) F(8, 1)
#define WINOGRAD_TO_1(F, n, zero) F(n, 1, zero)
#define WINOGRAD_TO_2(F, n, zero) WINOGRAD_TO_1(F, n, zero) F(n, 2, zero)
#define WINOGRAD_TO_3(F, n, zero) WINOGRAD_TO_2(F, n, zero) F(n, 3, zero)
#define WINOGRAD_TO_4(F, n, zero) WINOGRAD_TO_3(F, n, zero) F(n, 4, zero)
#define WINOGRAD_TO_5(F, n, zero) WINOGRAD_TO_4(F, n, zero) F(n, 5, zero)
#define WINOGRAD_TO_6(F, n, zero) WINOGRAD_TO_5(F, n, zero) F(n, 6, zero)
#define WINOGRAD_TO_7(F, n, zero) WINOGRAD_TO_6(F, n, zero) F(n, 7, zero)
#define WINOGRAD_TO_8(F, n, zero) WINOGRAD_TO_7(F, n, zero) F(n, 8, zero)
#define WINOGRAD_TILES(F) \
    WINOGRAD_TO_1(F, 1, 0) WINOGRAD_TO_2(F, 2, 0) WINOGRAD_TO_3(F, 3, 0) WINOGRAD_TO_4(F, 4, 0) \
    WINOGRAD_TO_5(F, 5, 0) WINOGRAD_TO_6(F, 6, 0) WINOGRAD_TO_7(F, 7, 0) \
    WINOGRAD_TO_1(F, 1, 1) WINOGRAD_TO_3(F, 3, 1) WINOGRAD_TO_5(F, 5, 1) WINOGRAD_TO_7(F, 7, 1) \
    WINOGRAD_TO_8(F, 8, 1)
/* clang-format on */

typedef void (*input_fn)(const float *coefficients, const float *x, acy_steps from, float *y,
                         acy_steps to, int count);
typedef void (*output_fn)(const float *coefficients, const float *x, acy_steps from, float *y,
                          acy_steps to, int count, const float *bias, float floor);

#define WINOGRAD_INPUT(n, zero)                                                                    \
    ACY_NOINLINE void input_##n##_##zero(const float *coefficients, const float *x,                \
                                         acy_steps from, float *y, acy_steps to, int count) {      \
        input_columns(n, zero, coefficients, x, from, y, to, count);                               \
    }
WINOGRAD_POINT_SETS(WINOGRAD_INPUT)
#define WINOGRAD_ENTRY(n, zero) [zero][n] = input_##n##_##zero,
static const input_fn input_transforms[2][ACY_WINOGRAD_POINTS + 1] = {
    WINOGRAD_POINT_SETS(WINOGRAD_ENTRY)};
#undef WINOGRAD_ENTRY

#define WINOGRAD_OUTPUT(n, m, zero, finish)                                                        \
    ACY_NOINLINE void output_##n##_##m##_##zero##_##finish(                                        \
        const float *coefficients, const float *x, acy_steps from, float *y, acy_steps to,         \
        int count, const float *bias, float floor) {                                               \
        output_columns(n, m, zero, finish, coefficients, x, from, y, to, count, bias, floor);      \
    }
#define WINOGRAD_OUTPUTS(n, m, zero) WINOGRAD_OUTPUT(n, m, zero, 0) WINOGRAD_OUTPUT(n, m, zero, 1)
WINOGRAD_TILES(WINOGRAD_OUTPUTS)
#define WINOGRAD_ENTRY(n, m, zero)                                                                 \
    [0][zero][n][m] = output_##n##_##m##_##zero##_0,                                               \
    [1][zero][n][m] = output_##n##_##m##_##zero##_1,
static const output_fn output_transforms[2][2][ACY_WINOGRAD_POINTS + 1][ACY_WINOGRAD_POINTS + 1] = {
    WINOGRAD_TILES(WINOGRAD_ENTRY)};
#undef WINOGRAD_ENTRY

/* For any number of taps, each with its own unrolled loops. */
#define WINOGRAD_CASE(taps, call)                                                                  \
    case taps:                                                                                     \
        call;                                                                                      \
        break;
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
