/* norm_within_channel against  y = x (k + alpha sum x[i, j]^2)^-beta  in double precision. */
#include "check.h"

#include <math.h>

/* Relative error allowed, as of check_lrn.c: a window adds its columns, then its rows. */
static double bound_of(ptrdiff_t size) { return (double)(2 * size + 12) * UNIT_ROUNDOFF; }

enum { HEIGHT = 5, WIDTH = 4 };

static void check_case(const acy_kernels *kernels, ptrdiff_t channels, ptrdiff_t size, float beta) {
    const ptrdiff_t pixel = channels + 1, row = WIDTH * pixel + 2, reach = size / 2;
    const ptrdiff_t floats = (HEIGHT - 1) * row + (WIDTH - 1) * pixel + channels;
    const ptrdiff_t whole = (channels + kernels->lanes - 1) / kernels->lanes * kernels->lanes;
    const float alpha = 0.25f, k = 2.0f, untouched = UNTOUCHED;
    describe("norm_within_channel of %td channels, size %td, beta %g", channels, size,
             (double)beta);
    float *x = random_buffer(floats, FULL_MANTISSAS), *y = buffer(floats);
    const acy_image input = {x, HEIGHT, WIDTH, channels, row, pixel};
    const acy_image output = {y, HEIGHT, WIDTH, channels, row, pixel};
    float *scratch = buffer(WIDTH * whole);
    const acy_norm norm = {size, alpha, beta, k};
    kernels->norm_within_channel(&input, &output, &norm, 0, 2, scratch);
    kernels->norm_within_channel(&input, &output, &norm, 2, HEIGHT, scratch);

    for (ptrdiff_t i = 0; i < floats; i++) {
        const ptrdiff_t h = i / row, w = i % row / pixel, c = i % row - w * pixel;
        if (w >= WIDTH || c >= channels) {
            expect_same("between pixels", &y[i], &untouched, 1);
            continue;
        }
        double sum = 0.0;
        for (ptrdiff_t p = h - reach; p <= h + reach; p++)
            for (ptrdiff_t q = w - reach; q <= w + reach; q++)
                if (p >= 0 && p < HEIGHT && q >= 0 && q < WIDTH)
                    sum += (double)x[p * row + q * pixel + c] * x[p * row + q * pixel + c];
        expect_near("output", y[i], x[i] * pow(k + alpha * sum, -(double)beta), bound_of(size));
    }
    release_buffers();
}

void check_norm_within_channel(const acy_kernels *kernels) {
    const ptrdiff_t sizes[] = {1, 3, 5, 11};
    for (ptrdiff_t channels = 1; channels <= 2 * kernels->lanes + 1; channels++)
        for (int i = 0; i < 4; i++) check_case(kernels, channels, sizes[i], i % 2 ? 0.75f : 0.6f);
}
