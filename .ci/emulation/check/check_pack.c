/* pack_rows against  packed[pixel * channels + c][o] = weight[o][c * pixels + pixel]. */
#include <math.h>

#include "check.h"

static void check_case(const acy_kernels *kernels, ptrdiff_t outputs, ptrdiff_t channels,
                       ptrdiff_t pixels) {
    describe("%td outputs, %td channels, %td pixels", outputs, channels, pixels);
    const ptrdiff_t row = rounded_up(outputs, 16) + 16, inputs = channels * pixels;
    float *weight = random_buffer(outputs * inputs, FULL_MANTISSAS);
    float *packed = buffer(inputs * row), *expected = buffer(inputs * row);
    for (ptrdiff_t o = 0; o < outputs; o++)
        for (ptrdiff_t c = 0; c < channels; c++)
            for (ptrdiff_t pixel = 0; pixel < pixels; pixel++)
                expected[(pixel * channels + c) * row + o] =
                    weight[o * inputs + c * pixels + pixel];
    float finite = (float)kernels->pack_rows(weight, outputs, channels, pixels, row, packed);
    expect_same("finite", &finite, &(float){1.0f}, 1);
    expect_same("packed", packed, expected, inputs * row);

    const float strange[] = {INFINITY, -INFINITY, NAN};
    for (int i = 0; i < 3; i++) {
        const ptrdiff_t place = (outputs * inputs - 1) * i / 2;
        const float before = weight[place];
        weight[place] = strange[i];
        finite = (float)kernels->pack_rows(weight, outputs, channels, pixels, row, packed);
        expect_same("not finite", &finite, &(float){0.0f}, 1);
        weight[place] = before;
    }
    release_buffers();
}

void check_pack_rows(const acy_kernels *kernels) {
    for (ptrdiff_t outputs = 1; outputs <= 33; outputs++)
        for (ptrdiff_t channels = 1; channels <= 9; channels += 2)
            for (ptrdiff_t pixels = 1; pixels <= 6; pixels += 5)
                check_case(kernels, outputs, channels, pixels);
    check_case(kernels, ACY_LINEAR_RANGE, 8, 4);
}
