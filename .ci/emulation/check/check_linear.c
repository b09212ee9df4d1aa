/* `linear` and `linear_rows` against  y[n, o] = relu(bias[o] + sum_k x[n, k] w[k, o]). */
#include <math.h>

#include "check.h"

typedef struct {
    ptrdiff_t images, depth, outputs;
    ptrdiff_t step; /* outputs of one call */
    int relu;
    value_kind kind;
} linear_case;

enum { GAP = 5 /* floats between the outputs of an image and those of the next */ };
enum { ROW_GAP = 16 /* and between the weights of an input and those of the next */ };

/* Every third input is zero in all images, so that these rows of the weights need not be read;
 * others are zero in some images only. */
static float *sparse_input(ptrdiff_t images, ptrdiff_t depth, value_kind kind) {
    float *x = random_buffer(images * depth, kind);
    for (ptrdiff_t i = 0; i < images * depth; i++)
        if (i % depth % 3 == 0 || i % 5 == 0) x[i] = 0.0f;
    return x;
}

static acy_linear make_layer(const linear_case *test) {
    const ptrdiff_t padded = rounded_up(test->outputs, 16), row = padded + ROW_GAP;
    float *bias = random_buffer(padded, test->kind);
    float *weight = random_buffer(test->depth * row - ROW_GAP, test->kind);
    for (ptrdiff_t o = test->outputs; o < padded; o++) {
        bias[o] = 0.0f;
        for (ptrdiff_t k = 0; k < test->depth; k++) weight[k * row + o] = 0.0f;
    }
    const ptrdiff_t stride = test->outputs + GAP;
    return (acy_linear){
        .weight = weight,
        .row_stride = row,
        .bias = bias,
        .output = buffer(test->images * stride - GAP),
        .output_stride = stride,
        .n_images = test->images,
        .out_features = test->outputs,
        .relu = test->relu,
    };
}

static float *expected_output(const acy_kernels *kernels, const acy_linear *layer, const float *x,
                              ptrdiff_t depth) {
    float *expected = buffer(layer->n_images * layer->output_stride - GAP);
    for (ptrdiff_t n = 0; n < layer->n_images; n++)
        for (ptrdiff_t o = 0; o < layer->out_features; o++) {
            float sum = layer->bias[o];
            for (ptrdiff_t k = 0; k < depth; k++)
                sum = multiply_add(kernels, x[n * depth + k],
                                   layer->weight[k * layer->row_stride + o], sum);
            sum += 0.0f;
            expected[n * layer->output_stride + o] = layer->relu ? cut_off(sum) : sum;
        }
    return expected;
}

static int counts(const float *x, ptrdiff_t images, ptrdiff_t depth, ptrdiff_t k) {
    for (ptrdiff_t n = 0; n < images; n++)
        if (x[n * depth + k] != 0.0f) return 1;
    return 0;
}

/* List all inputs, or those that are not zero in all images, and lay out their values. */
static void list_inputs(acy_linear *layer, const float *x, ptrdiff_t depth, int skip_zeros) {
    int32_t *index = (int32_t *)buffer(depth);
    float *values = buffer(depth * layer->n_images);
    layer->n_values = 0;
    for (ptrdiff_t k = 0; k < depth; k++)
        if (!skip_zeros || counts(x, layer->n_images, depth, k))
            index[layer->n_values++] = (int32_t)k;
    for (ptrdiff_t first = 0; first < layer->n_values; first += ACY_LINEAR_BLOCK) {
        const ptrdiff_t n_values = smaller(ACY_LINEAR_BLOCK, layer->n_values - first);
        for (ptrdiff_t n = 0; n < layer->n_images; n++)
            for (ptrdiff_t k = 0; k < n_values; k++)
                values[first * layer->n_images + n * n_values + k] =
                    x[n * depth + index[first + k]];
    }
    layer->index = index;
    layer->input = values;
}

/* `linear_rows` with the same weights as rows: the same bits. */
static void check_rows(const acy_kernels *kernels, const acy_linear *layer, const float *x,
                       ptrdiff_t depth, const float *expected) {
    const ptrdiff_t outputs = layer->out_features;
    const ptrdiff_t floats = layer->n_images * layer->output_stride - GAP;
    float *rows = buffer(outputs * depth), *bias = buffer(outputs), *y = buffer(floats);
    for (ptrdiff_t o = 0; o < outputs; o++) {
        bias[o] = layer->bias[o];
        for (ptrdiff_t k = 0; k < depth; k++)
            rows[o * depth + k] = layer->weight[k * layer->row_stride + o];
    }
    float finite = (float)kernels->linear_rows(rows, outputs, depth, bias, x, layer->n_images, y,
                                               layer->output_stride, layer->relu);
    expect_same("finite", &finite, &(float){1.0f}, 1);
    expect_same("by rows", y, expected, floats);
    const float strange[] = {INFINITY, -INFINITY, NAN};
    for (int i = 0; i < 3; i++) {
        const ptrdiff_t place = (outputs * depth - 1) * i / 2;
        const float before = rows[place];
        rows[place] = strange[i];
        finite = (float)kernels->linear_rows(rows, outputs, depth, bias, x, layer->n_images, y,
                                             layer->output_stride, layer->relu);
        expect_same("not finite", &finite, &(float){0.0f}, 1);
        rows[place] = before;
    }
}

static void check_case(const acy_kernels *kernels, const linear_case *test) {
    describe("%td images, %td inputs, %td outputs, %td a call, relu %d, kind %d", test->images,
             test->depth, test->outputs, test->step, test->relu, (int)test->kind);
    acy_linear layer = make_layer(test);
    const float *x = sparse_input(test->images, test->depth, test->kind);
    const ptrdiff_t floats = layer.n_images * layer.output_stride - GAP;
    const ptrdiff_t padded = rounded_up(test->outputs, 16);
    const float *expected = expected_output(kernels, &layer, x, test->depth);
    float *scratch = buffer(ACY_LINEAR_SCRATCH);
    for (int skip_zeros = 0; skip_zeros < 2; skip_zeros++) {
        list_inputs(&layer, x, test->depth, skip_zeros);
        for (ptrdiff_t i = 0; i < floats; i++) layer.output[i] = UNTOUCHED;
        for (ptrdiff_t begin = 0; begin < padded; begin += test->step)
            kernels->linear(&layer, begin, smaller(begin + test->step, padded), scratch);
        expect_same(skip_zeros ? "without zeros" : "all", layer.output, expected, floats);
    }
    if (test->images <= ACY_LINEAR_FEW) check_rows(kernels, &layer, x, test->depth, expected);
    release_buffers();
}

static void check_all_ways(const acy_kernels *kernels, linear_case test) {
    for (int way = 0; way < 4; way++) {
        test.relu = way & 1;
        test.kind = way & 2 ? FULL_MANTISSAS : WHOLE_NUMBERS;
        check_case(kernels, &test);
    }
}

void check_linear(const acy_kernels *kernels) {
    const ptrdiff_t rows = kernels->tile_rows;
    for (ptrdiff_t images = 1; images <= ACY_LINEAR_FEW + 2 * rows + 1; images++)
        check_all_ways(kernels, (linear_case){images, 11, 35, 48});
    for (ptrdiff_t outputs = 1; outputs <= 65; outputs += 4)
        for (ptrdiff_t images = 2; images <= 9; images += 7)
            check_all_ways(kernels, (linear_case){images, 7, outputs, 64});
    for (ptrdiff_t depth = 1; depth <= 2 * ACY_LINEAR_BLOCK + 1; depth += 7)
        for (ptrdiff_t images = 1; images <= 9; images += 4)
            check_all_ways(kernels, (linear_case){images, depth, 17, 16});

    /* A sum of negative zeros becomes 0, whether its terms are left out or not. */
    for (ptrdiff_t images = 3; images <= 9; images += 6) {
        linear_case zeros = {images, 1, 33, 48, 0, SIGNED_ZEROS};
        for (zeros.relu = 0; zeros.relu < 2; zeros.relu++) check_case(kernels, &zeros);
    }

    const linear_case cases[] = {
        {1, 1, 1, 512},
        {1, ACY_LINEAR_BLOCK + 7, ACY_LINEAR_FEW_RANGE, ACY_LINEAR_FEW_RANGE},
        {ACY_LINEAR_FEW, 9, ACY_LINEAR_FEW_RANGE + 3, ACY_LINEAR_FEW_RANGE},
        {2, ACY_LINEAR_BLOCK - 1, 80, 64},
        {2, ACY_LINEAR_BLOCK, 79, 32},
        {9, ACY_LINEAR_BLOCK + 1, 65, 48},
        {ACY_LINEAR_IMAGES, 3 * ACY_LINEAR_BLOCK + 2, 33, 48}, /* as many as one call takes */
        {ACY_LINEAR_IMAGES, 70, ACY_LINEAR_RANGE, ACY_LINEAR_RANGE},
        {9, 2 * ACY_LINEAR_BLOCK + 2, ACY_LINEAR_RANGE, ACY_LINEAR_RANGE}, /* all parts */
        {10, ACY_LINEAR_BLOCK + 2, 2 * ACY_LINEAR_PART + 20, ACY_LINEAR_RANGE},
        {13, 70, ACY_LINEAR_PART - 11, 128}, /* in ranges, the last cut off */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) check_all_ways(kernels, cases[i]);
}
