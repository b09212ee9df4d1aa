/* local_response_norm against  y[c] = x[c] (k + alpha sum x[j]^2)^-beta  in double precision. */
#include "check.h"

#include <math.h>

/* Relative error allowed: `size` additions, the square, alpha and k each round once, and so do
 * alpha, k and beta as floats; the two roots, their product, the reciprocal and the product with x,
 * or a power and that product, at most four times more. No beta here is above 1. */
static double bound_of(ptrdiff_t size) { return (double)(size + 12) * UNIT_ROUNDOFF; }

static double expected_value(const float *x, ptrdiff_t channels, ptrdiff_t c, ptrdiff_t size,
                             float alpha, float beta, float k) {
    double sum = 0.0;
    for (ptrdiff_t j = c - size / 2; j <= c + (size - 1) / 2; j++)
        if (j >= 0 && j < channels) sum += (double)x[j] * x[j];
    return x[c] * pow(k + alpha * sum, -(double)beta);
}

static void check_case(const acy_kernels *kernels, ptrdiff_t channels, ptrdiff_t size, float beta,
                       int in_place) {
    const ptrdiff_t height = 3, width = 2, pixel = channels + 1, row = width * pixel + 2;
    const ptrdiff_t floats = (height - 1) * row + (width - 1) * pixel + channels;
    const float alpha = 0.25f, k = 2.0f;
    describe("local_response_norm of %td channels, size %td, beta %g, in place %d", channels, size,
             (double)beta, in_place);
    float *x = random_buffer(floats, FULL_MANTISSAS), *copy = buffer(floats);
    for (ptrdiff_t i = 0; i < floats; i++) copy[i] = x[i];
    float *y = in_place ? x : buffer(floats);
    const acy_image input = {x, height, width, channels, row, pixel};
    const acy_image output = {y, height, width, channels, row, pixel};
    float *scratch = buffer(channels + size + 2 * kernels->lanes);
    const acy_norm norm = {size, alpha, beta, k};
    kernels->local_response_norm(&input, &output, &norm, 0, 1, scratch);
    kernels->local_response_norm(&input, &output, &norm, 1, height, scratch);

    const float *outside = in_place ? copy : NULL; /* what stands between the pixels of y */
    const float untouched = UNTOUCHED;
    for (ptrdiff_t i = 0; i < floats; i++) {
        const ptrdiff_t q = i % row / pixel, c = i % row - q * pixel;
        const float *first = copy + (i - c);
        if (q < width && c < channels)
            expect_near("output", y[i], expected_value(first, channels, c, size, alpha, beta, k),
                        bound_of(size));
        else
            expect_same("between pixels", &y[i], outside ? &outside[i] : &untouched, 1);
    }
    release_buffers();
}

/* 256^-3/4 = 1/64 is exact at every step, so that every bit is known. */
static void check_exact(const acy_kernels *kernels) {
    const ptrdiff_t channels = 2 * kernels->lanes + 3;
    float *x = random_buffer(channels, WHOLE_NUMBERS), *y = buffer(channels);
    float *expected = buffer(channels);
    for (ptrdiff_t c = 0; c < channels; c++) expected[c] = x[c] / 64.0f;
    describe("local_response_norm with alpha = 0, k = 256");
    const acy_image input = {x, 1, 1, channels, channels, channels};
    const acy_image output = {y, 1, 1, channels, channels, channels};
    const acy_norm norm = {5, 0.0f, 0.75f, 256.0f};
    kernels->local_response_norm(&input, &output, &norm, 0, 1,
                                 buffer(channels + 5 + 2 * kernels->lanes));
    expect_same("output", y, expected, channels);
    release_buffers();
}

/* Both layers in one pass, against one after the other. */
void check_norm_and_pool(const acy_kernels *kernels) {
    const acy_pool_window windows[] = {
        {3, 3, 2, 2, 0, 0}, {3, 2, 2, 1, 1, 0}, {1, 1, 1, 1, 0, 0}, {2, 3, 4, 3, 0, 1}};
    const ptrdiff_t height = 9, width = 7, rows = 3, columns = 2;
    for (ptrdiff_t channels = 1; channels <= 2 * kernels->lanes + 1; channels++)
        for (int i = 0; i < 4; i++) {
            describe("norm_and_pool of %td channels, window %d", channels, i);
            const acy_norm norm = {5, 0.01f, i % 2 ? 0.6f : 0.75f, 2.0f};
            float *x = random_buffer(height * width * channels, FULL_MANTISSAS);
            float *normed = buffer(height * width * channels);
            float *expected = buffer(rows * columns * channels);
            float *y = buffer(rows * columns * channels);
            float *scratch =
                buffer(channels + 5 + 2 * kernels->lanes + windows[i].kernel_h * width * channels);
            const acy_image input = {x, height, width, channels, width * channels, channels};
            const acy_image between = {normed, height, width, channels, width * channels, channels};
            acy_image output = {expected, rows, columns, channels, columns * channels, channels};
            kernels->local_response_norm(&input, &between, &norm, 0, height, scratch);
            kernels->max_pool(&between, &output, &windows[i], 0, rows);
            output.data = y;
            kernels->norm_and_pool(&input, &output, &norm, &windows[i], 0, 1, scratch);
            kernels->norm_and_pool(&input, &output, &norm, &windows[i], 1, rows, scratch);
            expect_same("output", y, expected, rows * columns * channels);
            release_buffers();
        }
}

void check_local_response_norm(const acy_kernels *kernels) {
    const ptrdiff_t sizes[] = {1, 2, 4, 5, 9, 40};
    for (ptrdiff_t channels = 1; channels <= 2 * kernels->lanes + 1; channels++)
        for (int i = 0; i < 6; i++)
            check_case(kernels, channels, sizes[i], i % 2 ? 0.75f : 0.6f, i / 2 % 2);
    for (int in_place = 0; in_place < 2; in_place++) check_case(kernels, 96, 5, 0.75f, in_place);
    check_exact(kernels);
}
