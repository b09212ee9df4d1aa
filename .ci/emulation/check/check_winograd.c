/* The steps of a Winograd convolution, each against its definition.
 *
 * The kernels are linear maps for any matrices of symmetric points, so that whole numbers will do:
 * every result is then exact, in whatever order a step adds. With matrices and kernels of -1, 0, 1
 * and at most 8 points and 5 x 5 taps, at most 35 channels and everything else from -4 to 4, no sum
 * exceeds 4 * 64 * 25 * 35 * 64 + 4 < 2^24.
 */
#include "check.h"

typedef struct {
    ptrdiff_t channels, filters, height, width;   /* of one group, and of its output */
    int kernel_h, kernel_w, outputs_h, outputs_w; /* the kernel and the largest tile */
    int relu;
} winograd_case;

enum { GAP = 3 /* floats between a pixel and the next: other groups */ };
enum { MAX_OUTPUTS = ACY_WINOGRAD_POINTS };

static float random_sign(void) {
    const float x = random_value(WHOLE_NUMBERS);
    return x > 1.0f ? 1.0f : x < -1.0f ? -1.0f : x;
}

static float *random_signs(ptrdiff_t n) {
    float *p = buffer(n);
    for (ptrdiff_t i = 0; i < n; i++) p[i] = random_sign();
    return p;
}

static int n_singles(int points) { return points % 2 ? 1 : points == ACY_WINOGRAD_POINTS ? 2 : 0; }

static int n_pairs(int points) { return (points - n_singles(points)) / 2; }

/* The entry [i][j] of B^T, from its coefficients: those of R, then for every pair p and those of Q,
 * all without a highest one of 1. Infinity has x^zero R(x^2), zero R(x^2), and a pair
 * x^zero (x + p) Q(x^2) and x^zero (x - p) Q(x^2), of which the last is negative without zero. */
static float input_entry(const acy_transform *t, int i, int j) {
    const int singles = n_singles(t->points), pairs = n_pairs(t->points);
    if (i < singles) {
        j -= singles - 1 - i;
        return j < 0 || j % 2 ? 0.0f : j == 2 * pairs ? 1.0f : t->input[j / 2];
    }
    const float *p = t->input + pairs + (i - singles) / 2 * pairs;
    j -= t->zero;
    if (j < 0 || j >= 2 * pairs) return 0.0f;
    const float q = j / 2 == pairs - 1 ? 1.0f : p[1 + j / 2];
    const float of_even = j % 2 ? 1.0f : p[0];
    const int second = (i - singles) % 2, negative = t->zero ? j % 2 == 0 : j % 2 == 1;
    return second && negative ? -q * of_even : q * of_even;
}

/* The entry [i][j] of A^T, from its coefficients: that of zero, then those of the first points of
 * the pairs, row by row. */
static float output_entry(const acy_transform *t, int i, int j) {
    const int singles = n_singles(t->points), pairs = n_pairs(t->points);
    if (j < singles) {
        const int is_zero = t->zero && j == singles - 1;
        return is_zero ? (i == 0 ? t->output[0] : 0.0f) : i == t->outputs - 1 ? 1.0f : 0.0f;
    }
    const float entry = t->output[1 + i * pairs + (j - singles) / 2];
    return (j - singles) % 2 && i % 2 ? -entry : entry;
}

/* Rows of G: infinity takes the last tap alone and zero the first; then pairs that differ in the
 * signs of the odd columns. */
static const float *random_kernel_matrix(ptrdiff_t points, int taps) {
    float *matrix = random_signs(points * taps);
    const int singles = n_singles((int)points);
    for (int i = 0; i < points; i++)
        for (int k = 0; k < taps; k++) {
            float *entry = matrix + i * taps + k;
            if (i < singles && k != (i ? 0 : taps - 1)) *entry = 0.0f;
            if (i >= singles && (i - singles) % 2) *entry = entry[-taps] * (k % 2 ? -1.0f : 1.0f);
        }
    return matrix;
}

/* U[i, j][o][c] = sum over r, s of G_h[i, r] g[o][r, s][c] G_w[j, s] */
static float *transformed_weights(const acy_winograd *w, const float *g) {
    float *u = buffer(w->points_h * w->points_w * w->out_channels * w->channels), *to = u;
    for (ptrdiff_t i = 0; i < w->points_h; i++)
        for (ptrdiff_t j = 0; j < w->points_w; j++)
            for (ptrdiff_t o = 0; o < w->out_channels; o++)
                for (ptrdiff_t c = 0; c < w->channels; c++, to++) {
                    *to = 0.0f;
                    for (int r = 0; r < w->taps_h; r++)
                        for (int s = 0; s < w->taps_w; s++)
                            *to += w->kernel_h[i * w->taps_h + r] * w->kernel_w[j * w->taps_w + s] *
                                   g[((o * w->taps_h + r) * w->taps_w + s) * w->channels + c];
                }
    return u;
}

/* The transforms of all sizes of tiles up to `outputs`, the smaller ones with the last points of
 * the largest; [0] stays empty. Where there is a choice, every other size takes zero. */
static void make_transforms(int outputs, int kernel, acy_transform *transforms) {
    for (int m = 1; m <= outputs; m++) {
        const int points = m + kernel - 1, pairs = n_pairs(points);
        transforms[m] = (acy_transform){
            .outputs = m,
            .points = points,
            .first = outputs - m,
            .zero = points == ACY_WINOGRAD_POINTS || points % 4 == 3,
            .input = random_signs(pairs + pairs * pairs),
            .output = random_signs(1 + m * pairs),
        };
    }
}

/* Tiles from the top left, the last ones as large as what is left. */
static ptrdiff_t make_tiles(const winograd_case *test, const acy_winograd *w, const float *input,
                            float *output, acy_winograd_tile *tiles) {
    ptrdiff_t n = 0;
    for (ptrdiff_t p = 0; p < test->height; p += test->outputs_h)
        for (ptrdiff_t q = 0; q < test->width; q += test->outputs_w)
            tiles[n++] = (acy_winograd_tile){
                input + p * w->input_row_stride + q * w->input_pixel_stride,
                output + p * w->output_row_stride + q * w->output_pixel_stride,
                (int)smaller(test->outputs_h, test->height - p),
                (int)smaller(test->outputs_w, test->width - q),
            };
    return n;
}

static const acy_transform *down(const acy_winograd *w, ptrdiff_t t) {
    return &w->transforms_h[w->tiles[t].outputs_h];
}

static const acy_transform *across(const acy_winograd *w, ptrdiff_t t) {
    return &w->transforms_w[w->tiles[t].outputs_w];
}

/* The place of a tile's points i and j among those of the transformed weights. */
static ptrdiff_t pair_of(const acy_winograd *w, ptrdiff_t t, int i, int j) {
    return (down(w, t)->first + i) * w->points_w + across(w, t)->first + j;
}

static float *v_of(const acy_winograd *w, ptrdiff_t t, int i, int j) {
    return w->v + pair_of(w, t, i, j) * w->v_pair + t * w->v_row;
}

static float *m_of(const acy_winograd *w, ptrdiff_t t, int i, int j) {
    return w->m + pair_of(w, t, i, j) * w->m_pair + t * w->m_row;
}

/* 0 + x: -0 and 0 are the same sum. */
static void expect_sum(const char *what, float computed, float expected) {
    computed += 0.0f;
    expected += 0.0f;
    expect_same(what, &computed, &expected, 1);
}

/* V[i, j][t, c] = sum over h, v of down[i, h] d[h, v] across[j, v] */
static void check_input_step(const acy_winograd *w, ptrdiff_t t) {
    const acy_transform *a = down(w, t), *b = across(w, t);
    for (int i = 0; i < a->points; i++)
        for (int j = 0; j < b->points; j++)
            for (ptrdiff_t c = 0; c < w->channels; c++) {
                float sum = 0.0f;
                for (int h = 0; h < a->points; h++)
                    for (int v = 0; v < b->points; v++)
                        sum += input_entry(a, i, h) * input_entry(b, j, v) *
                               w->tiles[t]
                                   .input[h * w->input_row_stride + v * w->input_pixel_stride + c];
                expect_sum("V", v_of(w, t, i, j)[c], sum);
            }
}

/* M[i, j][t, o] = sum over c of V[i, j][t, c] U[i, j][o, c] */
static void check_multiply_step(const acy_winograd *w, ptrdiff_t t, const float *u) {
    for (int i = 0; i < down(w, t)->points; i++)
        for (int j = 0; j < across(w, t)->points; j++)
            for (ptrdiff_t o = 0; o < w->out_channels; o++) {
                const ptrdiff_t pair = pair_of(w, t, i, j);
                float sum = 0.0f;
                for (ptrdiff_t c = 0; c < w->channels; c++)
                    sum += v_of(w, t, i, j)[c] * u[(pair * w->out_channels + o) * w->channels + c];
                expect_sum("M", m_of(w, t, i, j)[o], sum);
            }
}

/* y[p, q, o] = relu(bias[o] + sum over i, j of down[p, i] M[i, j][t, o] across[q, j]) */
static void expect_output(const acy_winograd *w, ptrdiff_t t, float *expected) {
    const acy_transform *a = down(w, t), *b = across(w, t);
    for (int p = 0; p < a->outputs; p++)
        for (int q = 0; q < b->outputs; q++)
            for (ptrdiff_t o = 0; o < w->out_channels; o++) {
                float sum = w->bias[o];
                for (int i = 0; i < a->points; i++)
                    for (int j = 0; j < b->points; j++)
                        sum += output_entry(a, p, i) * output_entry(b, q, j) * m_of(w, t, i, j)[o];
                expected[p * w->output_row_stride + q * w->output_pixel_stride + o] =
                    w->relu ? cut_off(sum) : sum;
            }
}

static ptrdiff_t panels_of(const acy_kernels *kernels, const acy_winograd *w) {
    return rounded_up(w->out_channels, kernels->panel_width) / kernels->panel_width;
}

/* Where the packed kernels `g` of a panel begin. */
static const float *panel_of(const acy_kernels *kernels, const acy_winograd *w, const float *g,
                             ptrdiff_t panel) {
    return g + panel * kernels->panel_width * w->channels * w->taps_h * w->taps_w;
}

/* U as winograd_multiply reads it, made by winograd_weights a row of points at a time. */
static void check_weights_step(const acy_kernels *kernels, const acy_winograd *w, const float *g,
                               const float *u) {
    const ptrdiff_t one_pair = w->out_channels * w->channels;
    const ptrdiff_t padded = rounded_up(w->out_channels, kernels->lanes);
    const ptrdiff_t u_pair = padded * w->channels, n_pairs = w->points_h * w->points_w;
    float *computed = buffer(n_pairs * u_pair), *expected = buffer(n_pairs * u_pair);
    for (ptrdiff_t panel = 0; panel < panels_of(kernels, w); panel++)
        for (ptrdiff_t i = 0; i < w->points_h; i++)
            kernels->winograd_weights(w, panel_of(kernels, w, g, panel), panel, i,
                                      computed + i * w->points_w * u_pair +
                                          panel * kernels->panel_width * w->channels,
                                      u_pair);
    for (ptrdiff_t pair = 0; pair < n_pairs; pair++)
        pack_panels(kernels, u + pair * one_pair, w->out_channels, w->channels,
                    expected + pair * u_pair);
    for (ptrdiff_t n = 0; n < n_pairs * u_pair; n++) expect_sum("U", computed[n], expected[n]);
}

/* The output once more, panel by panel, by a block whose M holds one of them. */
static void run_panels(const acy_kernels *kernels, acy_winograd w, const float *g) {
    const ptrdiff_t u_pair = kernels->panel_width * w.channels;
    float *u = buffer(w.points_w * u_pair);
    w.m_row = kernels->panel_width;
    w.m_pair = w.n_tiles * w.m_row;
    w.m = buffer(w.points_h * w.points_w * w.m_pair);
    for (ptrdiff_t panel = 0; panel < panels_of(kernels, &w); panel++)
        kernels->winograd_panel(&w, panel_of(kernels, &w, g, panel), panel, u, u_pair);
}

static void run_and_check(const acy_kernels *kernels, const acy_winograd *w, const float *u) {
    const ptrdiff_t n_pairs = w->points_h * w->points_w, some = w->n_tiles / 3;
    const ptrdiff_t n_panels = panels_of(kernels, w);
    kernels->winograd_input(w, 0, some);
    kernels->winograd_input(w, some, w->n_tiles);
    for (ptrdiff_t t = 0; t < w->n_tiles; t++) check_input_step(w, t);

    kernels->winograd_multiply(w, 0, n_pairs / 2, 0, n_panels);
    for (ptrdiff_t panel = 0; panel < n_panels; panel++)
        kernels->winograd_multiply(w, n_pairs / 2, n_pairs, panel, panel + 1);
    for (ptrdiff_t t = 0; t < w->n_tiles; t++) check_multiply_step(w, t, u);

    kernels->winograd_output(w, 0, some);
    kernels->winograd_output(w, some, w->n_tiles);
}

static void check_case(const acy_kernels *kernels, const winograd_case *test) {
    describe("winograd of %td x %td x %td by %td filters %d x %d, tiles of %d x %d, relu %d",
             test->height, test->width, test->channels, test->filters, test->kernel_h,
             test->kernel_w, test->outputs_h, test->outputs_w, test->relu);
    const ptrdiff_t pixel = test->channels + GAP, row = (test->width + test->kernel_w - 1) * pixel;
    const ptrdiff_t out_pixel = test->filters + GAP, out_row = test->width * out_pixel + GAP;
    const ptrdiff_t in_floats = (test->height + test->kernel_h - 1) * row - GAP;
    const ptrdiff_t out_floats = test->height * out_row - 2 * GAP;
    const ptrdiff_t padded = rounded_up(test->filters, kernels->lanes);
    const ptrdiff_t points_h = test->outputs_h + test->kernel_h - 1;
    const ptrdiff_t points_w = test->outputs_w + test->kernel_w - 1;

    acy_transform transforms_h[MAX_OUTPUTS + 1] = {0}, transforms_w[MAX_OUTPUTS + 1] = {0};
    make_transforms(test->outputs_h, test->kernel_h, transforms_h);
    make_transforms(test->outputs_w, test->kernel_w, transforms_w);
    const ptrdiff_t one_pair = test->filters * test->channels;
    const ptrdiff_t depth = test->kernel_h * test->kernel_w * test->channels;
    const float *g = random_signs(test->filters * depth);
    float *kernel = buffer(padded * depth);
    pack_panels(kernels, g, test->filters, depth, kernel);
    float *packed = buffer(points_h * points_w * padded * test->channels);
    float *bias = random_buffer(padded, WHOLE_NUMBERS);
    float *output = buffer(out_floats), *expected = buffer(out_floats);
    acy_winograd_tile tiles[ACY_WINOGRAD_TILES];
    acy_winograd w = {
        .tiles = tiles,
        .transforms_h = transforms_h,
        .transforms_w = transforms_w,
        .points_h = points_h,
        .points_w = points_w,
        .channels = test->channels,
        .out_channels = test->filters,
        .input_row_stride = row,
        .input_pixel_stride = pixel,
        .output_row_stride = out_row,
        .output_pixel_stride = out_pixel,
        .taps_h = test->kernel_h,
        .taps_w = test->kernel_w,
        .kernel_h = random_kernel_matrix(points_h, test->kernel_h),
        .kernel_w = random_kernel_matrix(points_w, test->kernel_w),
        .weight = packed,
        .bias = bias,
        .v_row = rounded_up(test->channels, kernels->lanes),
        .m_row = padded,
        .relu = test->relu,
    };
    w.n_tiles = make_tiles(test, &w, random_buffer(in_floats, WHOLE_NUMBERS), output, tiles);
    w.v_pair = w.n_tiles * w.v_row;
    w.m_pair = w.n_tiles * w.m_row;
    w.v = buffer(points_h * points_w * w.v_pair);
    w.m = buffer(points_h * points_w * w.m_pair);

    const float *u = transformed_weights(&w, g);
    for (ptrdiff_t pair = 0; pair < points_h * points_w; pair++)
        pack_panels(kernels, u + pair * one_pair, test->filters, test->channels,
                    packed + pair * padded * test->channels);
    check_weights_step(kernels, &w, kernel, u);
    run_and_check(kernels, &w, u);
    for (ptrdiff_t t = 0; t < w.n_tiles; t++)
        expect_output(&w, t, expected + (tiles[t].output - output));
    expect_same("output", output, expected, out_floats);
    for (ptrdiff_t n = 0; n < out_floats; n++)
        if (expected[n] != UNTOUCHED) output[n] = 0.0f;
    run_panels(kernels, w, kernel);
    expect_same("output of panels", output, expected, out_floats);
    release_buffers();
}

void check_winograd(const acy_kernels *kernels) {
    const winograd_case cases[] = {
        /* channels, filters, output, kernel, largest tile */
        {3, 5, 7, 9, 3, 3, 2, 2}, {35, 37, 13, 5, 3, 3, 4, 4},  {8, 16, 6, 6, 5, 5, 4, 4},
        {5, 9, 4, 8, 1, 3, 1, 6}, {16, 33, 9, 1, 3, 1, 6, 1},   {1, 1, 8, 8, 1, 1, 8, 8},
        {2, 3, 3, 8, 5, 2, 2, 7}, {17, 70, 16, 16, 3, 3, 6, 6},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int relu = 0; relu < 2; relu++) {
            winograd_case test = cases[i];
            test.relu = relu;
            check_case(kernels, &test);
        }
    for (ptrdiff_t channels = 1; channels <= kernels->lanes + 1; channels++)
        check_case(kernels,
                   &(winograd_case){channels, kernels->lanes + 2 - channels, 5, 4, 3, 3, 3, 2, 1});
}
