/* max_pool and adaptive_avg_pool against their definitions. */
#include "check.h"

#include <math.h>

typedef struct {
    ptrdiff_t height, width, channels, out_height, out_width;
    acy_pool_window window;
} pool_case;

enum { PIXEL_GAP = 2, ROW_GAP = 3 /* floats between pixels, and more between rows */ };

static acy_image image_of(float *data, ptrdiff_t height, ptrdiff_t width, ptrdiff_t channels) {
    const ptrdiff_t pixel = channels + PIXEL_GAP;
    return (acy_image){data, height, width, channels, width * pixel + ROW_GAP, pixel};
}

/* Up to and including the last channel, so that the next float lies beyond the buffer. */
static ptrdiff_t floats_of(const acy_image *image) {
    return (image->height - 1) * image->row_stride + (image->width - 1) * image->pixel_stride +
           image->channels;
}

static float *pixel_of(const acy_image *image, ptrdiff_t h, ptrdiff_t w) {
    return image->data + h * image->row_stride + w * image->pixel_stride;
}

static ptrdiff_t clip(ptrdiff_t i, ptrdiff_t size) { return i < 0 ? 0 : i > size ? size : i; }

static void make_images(const pool_case *test, int special, acy_image *input, acy_image *output,
                        acy_image *expected) {
    *input = image_of(NULL, test->height, test->width, test->channels);
    *output = image_of(NULL, test->out_height, test->out_width, test->channels);
    input->data = random_buffer(floats_of(input), WHOLE_NUMBERS);
    output->data = buffer(floats_of(output));
    *expected = *output;
    expected->data = buffer(floats_of(output));
    const float values[] = {NAN, -INFINITY, INFINITY, -NAN, -INFINITY, -INFINITY};
    for (ptrdiff_t i = 0; special && i < floats_of(input); i++)
        if (i % 5 != 0) input->data[i] = values[(i * 7 + i / 11) % 6];
}

static float largest_in_window(const pool_case *test, const acy_image *input, ptrdiff_t p,
                               ptrdiff_t q, ptrdiff_t c) {
    const acy_pool_window *window = &test->window;
    const ptrdiff_t top = p * window->stride_h - window->padding_top;
    const ptrdiff_t left = q * window->stride_w - window->padding_left;
    float largest = -INFINITY;
    for (ptrdiff_t h = clip(top, input->height); h < clip(top + window->kernel_h, input->height);
         h++)
        for (ptrdiff_t w = clip(left, input->width);
             w < clip(left + window->kernel_w, input->width); w++) {
            const float x = pixel_of(input, h, w)[c];
            if (isnan(x)) return x;
            if (x > largest) largest = x;
        }
    return largest;
}

static void check_max_case(const acy_kernels *kernels, const pool_case *test, int special) {
    describe("max_pool of %td x %td x %td to %td x %td, special values %d", test->height,
             test->width, test->channels, test->out_height, test->out_width, special);
    acy_image input, output, expected;
    make_images(test, special, &input, &output, &expected);
    for (ptrdiff_t p = 0; p < output.height; p++)
        for (ptrdiff_t q = 0; q < output.width; q++)
            for (ptrdiff_t c = 0; c < output.channels; c++)
                pixel_of(&expected, p, q)[c] = largest_in_window(test, &input, p, q, c);
    const ptrdiff_t middle = output.height / 2;
    kernels->max_pool(&input, &output, &test->window, 0, middle);
    kernels->max_pool(&input, &output, &test->window, middle, output.height);
    expect_same("output", output.data, expected.data, floats_of(&output));
    release_buffers();
}

void check_max_pool(const acy_kernels *kernels) {
    for (ptrdiff_t channels = 1; channels <= 2 * kernels->lanes + 1; channels++) {
        const pool_case cases[] = {
            {7, 9, channels, 3, 4, {3, 3, 2, 2, 0, 0}},
            {6, 6, channels, 3, 3, {3, 3, 2, 2, 0, 0}}, /* ceil_mode: clipped at the end */
            {5, 4, channels, 3, 5, {4, 3, 2, 1, 2, 1}}, /* clipped on all sides */
            {1, 1, channels, 1, 1, {1, 1, 1, 1, 0, 0}},
            {4, 6, channels, 2, 2, {2, 3, 2, 3, 0, 0}}, /* windows side by side */
        };
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
            for (int special = 0; special < 2; special++)
                check_max_case(kernels, &cases[i], special);
    }
}

static float mean_of_window(const acy_image *input, const acy_image *output, ptrdiff_t p,
                            ptrdiff_t q, ptrdiff_t c) {
    const ptrdiff_t H = input->height, W = input->width, P = output->height, Q = output->width;
    float sum = 0.0f, count = 0.0f;
    for (ptrdiff_t h = 0; h < H; h++)
        for (ptrdiff_t w = 0; w < W; w++)
            /* floor(p H / P) <= h < ceil((p + 1) H / P), and w alike */
            if (p * H < (h + 1) * P && h * P < (p + 1) * H && q * W < (w + 1) * Q &&
                w * Q < (q + 1) * W) {
                sum += pixel_of(input, h, w)[c];
                count += 1.0f;
            }
    return sum / count;
}

void check_adaptive_avg_pool(const acy_kernels *kernels) {
    for (ptrdiff_t channels = 1; channels <= 2 * kernels->lanes + 1; channels++) {
        const pool_case cases[] = {
            {6, 6, channels, 6, 6, {0}}, {13, 9, channels, 6, 6, {0}}, {1, 2, channels, 6, 6, {0}},
            {7, 5, channels, 1, 3, {0}}, {4, 11, channels, 3, 1, {0}},
        };
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            acy_image input, output, expected;
            make_images(&cases[i], 0, &input, &output, &expected);
            describe("adaptive_avg_pool of %td x %td x %td to %td x %td", input.height, input.width,
                     channels, output.height, output.width);
            for (ptrdiff_t p = 0; p < output.height; p++)
                for (ptrdiff_t q = 0; q < output.width; q++)
                    for (ptrdiff_t c = 0; c < channels; c++)
                        pixel_of(&expected, p, q)[c] = mean_of_window(&input, &output, p, q, c);
            const ptrdiff_t middle = output.height / 2;
            kernels->adaptive_avg_pool(&input, &output, 0, middle);
            kernels->adaptive_avg_pool(&input, &output, middle, output.height);
            expect_same("output", output.data, expected.data, floats_of(&output));
            release_buffers();
        }
    }
}
