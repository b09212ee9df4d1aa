/* relu, softmax and the two loops of the machine's limits. */
#include "check.h"

#include <math.h>

/* The sign of a zero is not part of the contract of relu: max(-0, 0) is either. */
static float unsigned_zero(float x) { return x == 0.0f ? 0.0f : x; }

void check_relu(const acy_kernels *kernels) {
    const float special[] = {NAN, -INFINITY, INFINITY, -0.0f, -NAN, 0x1p-149f, -0x1p-149f, -3.0f};
    for (ptrdiff_t n = 0; n <= 5 * kernels->lanes + 1; n++)
        for (int in_place = 0; in_place < 2; in_place++) {
            describe("relu of %td floats, in place %d", n, in_place);
            float *x = random_buffer(n, n % 2 ? WHOLE_NUMBERS : FULL_MANTISSAS);
            float *y = in_place ? x : buffer(n), *expected = buffer(n);
            for (ptrdiff_t i = 0; i < n; i++)
                if ((n + i) % 3 == 0) x[i] = special[(n + i) / 3 % 8];
            for (ptrdiff_t i = 0; i < n; i++) expected[i] = unsigned_zero(cut_off(x[i]));
            kernels->relu(x, y, n);
            for (ptrdiff_t i = 0; i < n; i++) y[i] = unsigned_zero(y[i]);
            expect_same("y", y, expected, n);
            release_buffers();
        }
}

static void check_softmax_row(const acy_kernels *kernels, ptrdiff_t n, int in_place) {
    describe("softmax of %td floats, in place %d", n, in_place);
    float *x = random_buffer(n, FULL_MANTISSAS), *copy = buffer(n), *y = in_place ? x : buffer(n);
    double largest = -INFINITY, sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) {
        copy[i] = x[i] *= 8.0f;
        largest = fmax(largest, x[i]);
    }
    for (ptrdiff_t i = 0; i < n; i++) sum += exp(copy[i] - largest);
    kernels->softmax(x, y, n);
    /* x - max(x), at most 16, is rounded, once above the line and once below; exp, 1 ulp, and the
     * division round too. */
    for (ptrdiff_t i = 0; i < n; i++)
        expect_near("y", y[i], exp(copy[i] - largest) / sum, (2 * 16 + 6) * UNIT_ROUNDOFF);
    release_buffers();
}

static void check_softmax_exact(const acy_kernels *kernels, float a, float b, float y_a,
                                float y_b) {
    describe("softmax of %g and %g", (double)a, (double)b);
    float *x = buffer(2), *y = buffer(2), *expected = buffer(2);
    x[0] = a, x[1] = b;
    expected[0] = y_a, expected[1] = y_b;
    kernels->softmax(x, y, 2);
    expect_same("y", y, expected, 2);
    release_buffers();
}

void check_softmax(const acy_kernels *kernels) {
    for (ptrdiff_t n = 1; n <= 4 * kernels->lanes + 1; n++)
        for (int in_place = 0; in_place < 2; in_place++) check_softmax_row(kernels, n, in_place);
    check_softmax_row(kernels, 1000, 0);
    check_softmax_exact(kernels, 5.0f, 5.0f, 0.5f, 0.5f);
    check_softmax_exact(kernels, 1e4f, -1e4f, 1.0f, 0.0f);
    check_softmax_exact(kernels, -INFINITY, 3e38f, 0.0f, 1.0f);
    check_softmax_exact(kernels, 0.0f, NAN, NAN, NAN);
    check_softmax_exact(kernels, NAN, 0.0f, NAN, NAN);
    check_softmax_exact(kernels, INFINITY, 0.0f, NAN, NAN);
    kernels->softmax(NULL, NULL, 0);
}

/* What the loops of limits.h return: the first lane of their sums. */
void check_limits(const acy_kernels *kernels) {
    const int chains = kernels->fma_floats / kernels->lanes;
    for (ptrdiff_t steps = 0; steps <= 5; steps++) {
        describe("multiply_add of %td steps", steps);
        float total = 0.0f;
        for (int chain = 0; chain < chains; chain++) {
            float sum = (float)chain;
            for (ptrdiff_t step = 0; step < steps; step++)
                sum = multiply_add(kernels, sum, 0.999f, 0.001f);
            total += sum;
        }
        const float computed = kernels->multiply_add(steps);
        expect_same("sum", &computed, &total, 1);
    }
    for (ptrdiff_t n = 128; n <= 1024; n += 128) {
        describe("read_all of %td floats", n);
        const float *x = random_buffer(n, WHOLE_NUMBERS);
        float total = 0.0f;
        for (ptrdiff_t i = 0; i < n; i += kernels->lanes) total += x[i];
        const float computed = kernels->read_all(x, n);
        expect_same("sum", &computed, &total, 1);
        release_buffers();
    }
}
