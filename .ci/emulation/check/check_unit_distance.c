/* unit_distance against  sum weight[c] (a[c] / |a| - b[c] / |b|)^2  in double precision. */
#include "check.h"

#include <math.h>

static const float epsilon = 1e-10f;

static double length_of(const float *x, ptrdiff_t channels) {
    double squares = 0.0;
    for (ptrdiff_t c = 0; c < channels; c++) squares += (double)x[c] * x[c];
    return sqrt(squares) + epsilon;
}

/* The distance, and with `sign` -1 what its rounding errors are a share of. */
static double expected_value(const float *a, const float *b, const float *weight,
                             ptrdiff_t channels, double sign) {
    const double length_a = length_of(a, channels), length_b = length_of(b, channels);
    double sum = 0.0;
    for (ptrdiff_t c = 0; c < channels; c++) {
        const double difference = a[c] / length_a - sign * (b[c] / length_b);
        sum += weight[c] * difference * difference;
    }
    return sum;
}

static void check_case(const acy_kernels *kernels, ptrdiff_t channels) {
    enum { HEIGHT = 3, WIDTH = 2 };
    const ptrdiff_t pixel = channels + 1, row = WIDTH * pixel + 2;
    const ptrdiff_t floats = (HEIGHT - 1) * row + (WIDTH - 1) * pixel + channels;
    describe("unit_distance of %td channels", channels);
    float *a = random_buffer(floats, FULL_MANTISSAS), *b = random_buffer(floats, FULL_MANTISSAS);
    float *weight = random_buffer(channels, FULL_MANTISSAS);
    float *there = buffer(HEIGHT * WIDTH), *back = buffer(HEIGHT * WIDTH);
    for (ptrdiff_t i = 0; i < floats; i++) a[i] = fabsf(a[i]), b[i] = fabsf(b[i]);
    for (ptrdiff_t c = 0; c < channels; c++) weight[c] = fabsf(weight[c]), a[c] = 0.0f;
    const acy_image first = {a, HEIGHT, WIDTH, channels, row, pixel};
    const acy_image second = {b, HEIGHT, WIDTH, channels, row, pixel};
    kernels->unit_distance(&first, &second, weight, epsilon, there, 0, 1);
    kernels->unit_distance(&first, &second, weight, epsilon, there, 1, HEIGHT);
    kernels->unit_distance(&second, &first, weight, epsilon, back, 0, HEIGHT);
    expect_same("the other way round", back, there, HEIGHT * WIDTH);

    for (ptrdiff_t i = 0; i < HEIGHT * WIDTH; i++) {
        const ptrdiff_t place = i / WIDTH * row + i % WIDTH * pixel;
        const double exact = expected_value(a + place, b + place, weight, channels, 1.0);
        const double magnitude = expected_value(a + place, b + place, weight, channels, -1.0);
        /* Lengths and sums are of `channels` terms; the quotients round three times more. */
        const double bound = 2 * (double)(channels + 8) * UNIT_ROUNDOFF * magnitude;
        expect_near("distance", there[i], exact, exact > 0.0 ? bound / exact : 0.0);
    }
    kernels->unit_distance(&second, &second, weight, epsilon, there, 0, HEIGHT);
    for (ptrdiff_t i = 0; i < HEIGHT * WIDTH; i++) expect_near("of equal ones", there[i], 0.0, 0.0);
    release_buffers();
}

void check_unit_distance(const acy_kernels *kernels) {
    for (ptrdiff_t channels = 1; channels <= 4 * kernels->lanes + 1; channels++)
        check_case(kernels, channels);
    check_case(kernels, 384);
}
