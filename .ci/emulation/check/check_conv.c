/* conv against  y[n, p, q, o] = relu(bias[o] + sum_rsc x[n, p u + r, q v + s, c] w[o, r, s, c]). */
#include "check.h"

typedef struct {
    ptrdiff_t images, channels, groups, filters; /* channels and filters of one group */
    ptrdiff_t kernel_h, kernel_w, stride_h, stride_w, out_height, out_width;
    ptrdiff_t block_depth;    /* the longest block of k */
    ptrdiff_t pixels, panels; /* at most so many in one call */
    int relu, copy_columns;
    value_kind kind;
} conv_case;

enum { MAX_SEGMENTS = 512, GAP = 3 /* floats between a pixel of the output and the next */ };

/* The runs of a patch, k = (r, s, c) ascending, cut after every block_depth of k. */
static void list_segments(const conv_case *test, ptrdiff_t row_stride, ptrdiff_t pixel_stride,
                          acy_segment *segments, ptrdiff_t *block_ends, acy_conv *conv) {
    const int whole_rows = test->groups == 1;
    const ptrdiff_t run = whole_rows ? test->kernel_w * test->channels : test->channels;
    ptrdiff_t n = 0, blocks = 0;
    for (ptrdiff_t k = 0; k < conv->depth; k++) {
        const ptrdiff_t c = k % test->channels, tap = k / test->channels;
        const ptrdiff_t r = tap / test->kernel_w, s = tap % test->kernel_w;
        const int block_begins = k % test->block_depth == 0;
        if (block_begins && k > 0) block_ends[blocks++] = n;
        if (block_begins || k % run == 0)
            segments[n++] = (acy_segment){r * row_stride + s * pixel_stride + c, 0};
        segments[n - 1].length++;
    }
    block_ends[blocks++] = n;
    conv->segments = segments;
    conv->block_ends = block_ends;
    conv->n_blocks = blocks;
}

static float expected_output(const acy_kernels *kernels, const acy_conv *conv, const float *patch,
                             const float *weight, float sum) {
    for (const acy_segment *s = conv->segments;
         s < conv->segments + conv->block_ends[conv->n_blocks - 1]; s++)
        for (ptrdiff_t i = 0; i < s->length; i++)
            sum = multiply_add(kernels, patch[s->offset + i], *weight++, sum);
    sum += 0.0f;
    return conv->relu ? cut_off(sum) : sum;
}

static void run_in_parts(const acy_kernels *kernels, const conv_case *test, const acy_conv *conv,
                         float *scratch) {
    const ptrdiff_t n_pixels = test->images * test->out_height * test->out_width;
    const ptrdiff_t n_panels =
        rounded_up(test->filters, kernels->panel_width) / kernels->panel_width;
    for (ptrdiff_t panel = 0; panel < n_panels; panel += test->panels)
        for (ptrdiff_t pixel = 0; pixel < n_pixels; pixel += test->pixels)
            kernels->conv(conv, pixel, smaller(pixel + test->pixels, n_pixels), panel,
                          smaller(panel + test->panels, n_panels), scratch);
}

static void check_case(const acy_kernels *kernels, const conv_case *test) {
    describe("conv of %td x %td x %td x (%td of %td) by %td filters %td x %td, stride %td %td, "
             "blocks of %td, calls of %td pixels, copied %d, kind %d",
             test->images, test->out_height, test->out_width, test->channels, test->groups,
             test->filters, test->kernel_h, test->kernel_w, test->stride_h, test->stride_w,
             test->block_depth, test->pixels, test->copy_columns, (int)test->kind);
    const ptrdiff_t P = test->out_height, Q = test->out_width;
    const ptrdiff_t pixel_stride = test->channels * test->groups;
    const ptrdiff_t H = (P - 1) * test->stride_h + test->kernel_h;
    const ptrdiff_t row_stride = ((Q - 1) * test->stride_w + test->kernel_w) * pixel_stride;
    const ptrdiff_t out_pixel = test->filters * test->groups + GAP, out_row = Q * out_pixel + GAP;
    const ptrdiff_t out_image = P * out_row + GAP, out_floats = test->images * out_image - 3 * GAP;
    const ptrdiff_t depth = test->kernel_h * test->kernel_w * test->channels;
    const ptrdiff_t group = test->groups - 1; /* the last one: its reads reach the buffer's end */

    const float *input = random_buffer(test->images * H * row_stride, test->kind);
    const ptrdiff_t padded = rounded_up(test->filters, kernels->lanes);
    const float *weight = random_buffer(test->filters * depth, test->kind);
    float *packed = buffer(padded * depth), *bias = random_buffer(padded, test->kind);
    pack_panels(kernels, weight, test->filters, depth, packed);
    for (ptrdiff_t o = test->filters; o < padded; o++) bias[o] = 0.0f;
    float *output = buffer(out_floats), *expected = buffer(out_floats);
    acy_segment segments[MAX_SEGMENTS];
    ptrdiff_t block_ends[MAX_SEGMENTS];
    acy_conv conv = {
        .input = input + group * test->channels,
        .input_image_stride = H * row_stride,
        .input_step_h = test->stride_h * row_stride,
        .input_step_w = test->stride_w * pixel_stride,
        .output = output + group * test->filters,
        .output_image_stride = out_image,
        .output_row_stride = out_row,
        .output_pixel_stride = out_pixel,
        .out_height = P,
        .out_width = Q,
        .out_channels = test->filters,
        .depth = depth,
        .weight = packed,
        .bias = bias,
        .relu = test->relu,
        .copy_columns = test->copy_columns,
    };
    list_segments(test, row_stride, pixel_stride, segments, block_ends, &conv);
    const ptrdiff_t columns = test->copy_columns ? smaller(test->block_depth, depth) : 0;
    run_in_parts(kernels, test, &conv,
                 buffer(ACY_CONV_PIXELS * kernels->panel_width + test->pixels * columns));

    for (ptrdiff_t n = 0; n < test->images; n++)
        for (ptrdiff_t p = 0; p < P; p++)
            for (ptrdiff_t q = 0; q < Q; q++)
                for (ptrdiff_t o = 0; o < test->filters; o++)
                    expected[n * out_image + p * out_row + q * out_pixel + group * test->filters +
                             o] = expected_output(kernels, &conv,
                                                  conv.input + n * conv.input_image_stride +
                                                      p * conv.input_step_h + q * conv.input_step_w,
                                                  weight + o * depth, bias[o]);
    expect_same("output", output, expected, out_floats);
    release_buffers();
}

/* Both algorithms, both kinds of values, with and without ReLU. */
static void check_all_ways(const acy_kernels *kernels, conv_case test) {
    for (int way = 0; way < 4; way++) {
        test.copy_columns = way & 1;
        test.kind = way & 2 ? FULL_MANTISSAS : WHOLE_NUMBERS;
        test.relu = (way & 1) ^ (way >> 1 & 1);
        check_case(kernels, &test);
    }
}

void check_conv(const acy_kernels *kernels) {
    const ptrdiff_t lanes = kernels->lanes, rows = kernels->tile_rows, width = kernels->panel_width;
    /* Every height of the register tile and more, beside every width of the last panel. */
    for (ptrdiff_t pixels = 1; pixels <= 2 * rows + 1; pixels++)
        for (ptrdiff_t filters = 1; filters <= width + lanes; filters += filters < 3 ? 1 : 5)
            check_all_ways(kernels,
                           (conv_case){1, 3, 1, filters, 1, 1, 1, 1, 1, pixels, 9, 256, 9});
    for (ptrdiff_t filters = width - 1; filters <= 2 * width + 1; filters++)
        check_all_ways(kernels, (conv_case){1, 2, 1, filters, 2, 2, 1, 1, 3, 3, 5, 256, 1});

    /* A sum of negative zeros becomes 0. */
    conv_case zeros = {1, 1, 1, width + 1, 1, 1, 1, 1, 3, rows, 1, 256, 9};
    zeros.kind = SIGNED_ZEROS;
    for (zeros.relu = 0; zeros.relu < 2; zeros.relu++) check_case(kernels, &zeros);

    const conv_case cases[] = {
        /* images, channels, groups, filters, kernel, stride, P, Q, block, pixels, panels */
        {1, 3, 1, 37, 11, 11, 4, 4, 5, 4, 96, 256, 2}, /* conv1: rows of 33 across blocks */
        {2, 5, 2, 19, 5, 5, 1, 1, 4, 7, 33, 17, 9},    /* groups: a segment is 5 floats */
        {3, 7, 3, 9, 3, 2, 2, 3, 5, 6, 1000, 256, 9},  /* odd strides; calls across images */
        {2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
        {1, 64, 1, 65, 3, 3, 1, 1, 13, 20, 192, 256, 1}, /* 260 pixels: a second call of 4 */
        {1, 1, 1, 70, 1, 17, 1, 1, 2, 9, 1, 5, 3},       /* every k a block of its own */
        {4, 2, 2, 16, 4, 1, 1, 5, 3, 2, 7, 13, 9},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_all_ways(kernels, cases[i]);
}
