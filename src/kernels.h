/* The contract between Cython and the inner loops: one `acy_kernels` per instruction-set level.
 *
 * A kernel computes one tile of one operation. It never allocates, never starts a thread, never
 * fails and knows nothing of Python. Sizes and strides are in elements, not bytes. Every pointer
 * of every level is valid: the generic level is portable C and has them all.
 *
 * Activations are NHWC. The alphabet used below:
 *     N images, H x W rows and columns of the input, P x Q of the output, C channels of the input,
 *     O channels of the output, R x S the kernel window, G groups.
 */
#ifndef ACY_KERNELS_H
#define ACY_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* The alignment of every buffer we allocate: one cache line, and the widest vector there is. */
#define ACY_ALIGNMENT_BYTES 64
#define ACY_CACHE_LINE_FLOATS 16

/* A run of `length` contiguous floats, `offset` floats after the first element of a patch. A
 * patch (the inputs of one output pixel) is a short list of such runs, the same for every pixel. */
typedef struct {
    ptrdiff_t offset;
    ptrdiff_t length;
} acy_segment;

/* Convolution of one group as a matrix product over patches:
 *     y[pixel, o] = relu(bias[o] + sum_k patch[pixel, k] * weight[k, o]),   k = (r, s, c)
 * The input is physically padded, so that every patch lies inside it. */
typedef struct {
    const float *input;           /* [N][H + padding][W + padding][C], first channel of the group */
    ptrdiff_t input_image_stride; /* from an image to the next */
    ptrdiff_t input_step_h; /* from an output row's patches to the next row's: stride_h rows */
    ptrdiff_t input_step_w; /* from a patch to the next in its row: stride_w pixels */
    float *output;          /* [N][P][Q][O], first channel of the group */
    ptrdiff_t output_image_stride;
    ptrdiff_t output_row_stride;
    ptrdiff_t output_pixel_stride;
    ptrdiff_t out_height, out_width; /* P, Q */
    ptrdiff_t out_channels;          /* O / G */
    ptrdiff_t depth;                 /* K = R * S * C / G: the length of the sum */
    const float *weight;             /* panels: see PackedConv, src/convolution/_conv.pyx */
    const float *bias;               /* O / G floats, zero-padded to whole vectors */
    const acy_segment *segments;     /* the runs of a patch, k ascending */
    const ptrdiff_t *block_ends;     /* segments [0, end0), [end0, end1), ...: the blocks of k */
    ptrdiff_t n_blocks;
    int relu;
    int copy_columns; /* 1: im2col, patches are copied side by side; 0: direct */
} acy_conv;

/* The most evaluation points of a one-dimensional Winograd transform, infinity included. More of
 * them are too inexact in float32 (docs/numerics.md). */
#define ACY_WINOGRAD_POINTS 8

/* Tiles of a block of a Winograd convolution: their row pointers live on the stack (3 x 2 KiB). */
#define ACY_WINOGRAD_TILES 256

/* One-dimensional transforms of a tile of `outputs` pixels: F(outputs, kernel). The points are
 * symmetric about zero, in `pairs` of p and -p: src/kernels/winograd_transforms.h. */
typedef struct {
    int outputs; /* m */
    int points;  /* m + kernel - 1 */
    int first;   /* of these points, among those of the transformed weights */
    int zero;    /* 1: zero is one of them, as of ACY_WINOGRAD_POINTS; of fewer, if even, 0 */
    const float *input;  /* what B^T is made of: pairs + pairs * pairs coefficients */
    const float *output; /* what A^T is made of: 1 + outputs * pairs */
} acy_transform;

typedef struct {
    const float *input;       /* the first pixel of its patch, first channel of the group */
    float *output;            /* its first output pixel, first channel of the group */
    int outputs_h, outputs_w; /* its size */
} acy_winograd_tile;

/* Winograd convolution of stride 1 of one group: a block of tiles. */
typedef struct {
    const acy_winograd_tile *tiles;
    ptrdiff_t n_tiles;                 /* at most ACY_WINOGRAD_TILES */
    const acy_transform *transforms_h; /* by the number of outputs; [0] is not used */
    const acy_transform *transforms_w;
    ptrdiff_t points_h, points_w;     /* points of the largest tile: pairs are i * points_w + j */
    ptrdiff_t channels, out_channels; /* of the group */
    ptrdiff_t input_row_stride, input_pixel_stride;
    ptrdiff_t output_row_stride, output_pixel_stride;
    int taps_h, taps_w;
    const float *kernel_h;   /* G, [points_h][taps_h] */
    const float *kernel_w;   /* [points_w][taps_w] */
    const float *weight;     /* U: [pair][panels as in acy_conv, of depth `channels`] */
    const float *bias;       /* zero-padded to whole vectors */
    float *v;                /* [pair][tile][channels, to whole vectors] */
    ptrdiff_t v_pair, v_row; /* its strides */
    float *m;                /* [pair][tile][out_channels, to whole vectors, or one panel] */
    ptrdiff_t m_pair, m_row;
    int relu;
} acy_winograd;

/* y[n, o] = relu(bias[o] + sum_k x[n, k] * weight[k, o]), where k runs over the inputs that are
 * listed: the others are zero in all images. */
typedef struct {
    const int32_t *index; /* the inputs that count, the rows of the weights to read; ascending */
    const float *input;   /* their values, in blocks of ACY_LINEAR_BLOCK: [block][N][values] */
    ptrdiff_t n_values;
    const float *weight;  /* a row for every input: its weights, zero-padded to a multiple of 16 */
    ptrdiff_t row_stride; /* from a row to the next */
    const float *bias;    /* padded as the rows are */
    float *output;        /* [N][output_stride] */
    ptrdiff_t output_stride;
    ptrdiff_t n_images;     /* N, at most ACY_LINEAR_IMAGES */
    ptrdiff_t out_features; /* O: those that exist */
    int relu;
} acy_linear;

typedef struct {
    ptrdiff_t kernel_h, kernel_w;
    ptrdiff_t stride_h, stride_w;
    ptrdiff_t padding_top, padding_left; /* padding never contributes: windows are clipped */
} acy_pool_window;

/* y = x * (k + alpha * sum of the squares of `size` channels)^-beta */
typedef struct {
    ptrdiff_t size;
    float alpha; /* already divided by the values of a window */
    float beta, k;
} acy_norm;

/* A view of one image: NHWC without the N. Channels are contiguous. */
typedef struct {
    float *data;
    ptrdiff_t height, width, channels;
    ptrdiff_t row_stride, pixel_stride;
} acy_image;

/* Bits behind the point of the weights of a resize: 8 of a pixel, 22 and a sign are 32. */
#define ACY_RESAMPLE_BITS 22

/* One axis of a resize: each output pixel is a weighted sum of `count` input pixels that lie side
 * by side; the weights are not negative and add up to 1 << ACY_RESAMPLE_BITS, nearly. */
typedef struct {
    ptrdiff_t outputs;
    const int32_t *first;  /* [outputs]: the first input pixel */
    const int32_t *count;  /* [outputs], up to `taps` */
    const int32_t *weight; /* [outputs][taps] */
    ptrdiff_t taps;
} acy_resample;

#include "training.h"

typedef struct {
    const char *name; /* "x86-64-v3" */
    int lanes;        /* floats in a vector */
    int tile_rows;    /* rows of the register tile: pixels, or images */
    int panel_width;  /* columns of the register tile: out channels */

    /* Output pixels [pixel_begin, pixel_end) of the flattened (N, P, Q), panels [panel_begin,
     * panel_end) of out channels. At most ACY_CONV_PIXELS pixels a call. `scratch` holds
     * ACY_CONV_PIXELS * panel_width floats and, for im2col, pixels * the deepest block more. */
    void (*conv)(const acy_conv *conv, ptrdiff_t pixel_begin, ptrdiff_t pixel_end,
                 ptrdiff_t panel_begin, ptrdiff_t panel_end, float *scratch);

    /* The three steps of a Winograd convolution, each for a part of the block's tiles, or pairs of
     * points and panels. Each needs the one before it finished for what it reads. */
    void (*winograd_input)(const acy_winograd *winograd, ptrdiff_t tile_begin, ptrdiff_t tile_end);
    void (*winograd_multiply)(const acy_winograd *winograd, ptrdiff_t pair_begin,
                              ptrdiff_t pair_end, ptrdiff_t panel_begin, ptrdiff_t panel_end);
    void (*winograd_output)(const acy_winograd *winograd, ptrdiff_t tile_begin, ptrdiff_t tile_end);

    /* U of a panel from its kernels g, [taps_h][taps_w][channels][width of the panel], for row i of
     * the points: [points_w][channels][width], pairs of points u_pair floats apart. */
    void (*winograd_weights)(const acy_winograd *winograd, const float *g, ptrdiff_t panel,
                             ptrdiff_t i, float *u, ptrdiff_t u_pair);
    /* After winograd_input all that is left for a panel, from g; `u` is scratch for one row of U.
     */
    void (*winograd_panel)(const acy_winograd *winograd, const float *g, ptrdiff_t panel, float *u,
                           ptrdiff_t u_pair);

    /* Outputs [begin, end), multiples of 16, for all images; at most ACY_LINEAR_RANGE of them, or
     * ACY_LINEAR_FEW_RANGE for at most ACY_LINEAR_FEW images. `scratch` holds ACY_LINEAR_SCRATCH
     * floats. */
    void (*linear)(const acy_linear *linear, ptrdiff_t begin, ptrdiff_t end, float *scratch);

    /* y[n][o] = relu(bias[o] + sum_k x[n][k] * weight[o][k]) for `n_outputs` outputs from rows of
     * n_inputs weights, and at most ACY_LINEAR_FEW images; the results of an image are y_stride
     * floats from those of the next. The bits are those of `linear`. Returns whether all weights
     * are finite. */
    int (*linear_rows)(const float *weight, ptrdiff_t n_outputs, ptrdiff_t n_inputs,
                       const float *bias, const float *x, ptrdiff_t n_images, float *y,
                       ptrdiff_t y_stride, int relu);

    /* packed[pixel * channels + c][o] = weight[o][c * pixels + pixel] for `n_outputs` outputs; a
     * row of `packed` is row_stride floats from the next. Returns whether all are finite. */
    int (*pack_rows)(const float *weight, ptrdiff_t n_outputs, ptrdiff_t channels, ptrdiff_t pixels,
                     ptrdiff_t row_stride, float *packed);

    /* Output rows [row_begin, row_end) of one image. */
    void (*max_pool)(const acy_image *input, const acy_image *output, const acy_pool_window *window,
                     ptrdiff_t row_begin, ptrdiff_t row_end);
    void (*adaptive_avg_pool)(const acy_image *input, const acy_image *output, ptrdiff_t row_begin,
                              ptrdiff_t row_end);

    /* Rows [row_begin, row_end) of one image; input and output may be the same. `scratch` holds
     * channels + size + 2 * lanes floats. */
    void (*local_response_norm)(const acy_image *input, const acy_image *output,
                                const acy_norm *norm, ptrdiff_t row_begin, ptrdiff_t row_end,
                                float *scratch);

    /* Both, for output rows [row_begin, row_end). `scratch` holds what local_response_norm needs,
     * and kernel_h rows of the input without gaps. */
    void (*norm_and_pool)(const acy_image *input, const acy_image *output, const acy_norm *norm,
                          const acy_pool_window *window, ptrdiff_t row_begin, ptrdiff_t row_end,
                          float *scratch);

    /* The norm of the size x size pixels around each, `size` odd. Rows [row_begin, row_end) of one
     * image, another than the input. `scratch` holds a row of the input, each pixel in whole
     * vectors. */
    void (*norm_within_channel)(const acy_image *input, const acy_image *output,
                                const acy_norm *norm, ptrdiff_t row_begin, ptrdiff_t row_end,
                                float *scratch);

    /* y = exp(x - max(x)) / sum(exp(x - max(x))) of one row; x and y may be the same. */
    void (*softmax)(const float *x, float *y, ptrdiff_t n);

    /* y = max(x, 0), NaN stays NaN; x and y may be the same. */
    void (*relu)(const float *x, float *y, ptrdiff_t n);

    /* Rows [row_begin, row_end) of the distances of two images of one size, [H][W]:
     *     distance = sum_c weight[c] * (a[c] / |a| - b[c] / |b|)^2,
     *     |x| = sqrt(sum_c x[c]^2) + epsilon
     * The bits are the same for (a, b) and (b, a). */
    void (*unit_distance)(const acy_image *a, const acy_image *b, const float *weight,
                          float epsilon, float *distance, ptrdiff_t row_begin, ptrdiff_t row_end);

    /* Resize `n_rows` rows of pixels across: y[p][outputs][3] from x[p][...][4], whose fourth byte
     * does not count; strides are in bytes. */
    void (*resample_columns)(const acy_resample *resample, const uint8_t *x, ptrdiff_t x_stride,
                             uint8_t *y, ptrdiff_t y_stride, ptrdiff_t n_rows);
    /* Output row p of a resize along columns, n bytes wide, from the rows x[count][n] that it
     * takes.
     */
    void (*resample_row)(const acy_resample *resample, ptrdiff_t p, const uint8_t *x,
                         ptrdiff_t x_stride, uint8_t *y, ptrdiff_t n);

    /* The machine's limits. `multiply_add` does `steps` multiply-adds on each of `fma_floats`
     * floats that never leave the registers; `read_all` reads n floats, n a multiple of 128.
     * What they return only keeps the compiler from leaving the work out. */
    int fma_floats;
    float (*multiply_add)(ptrdiff_t steps);
    float (*read_all)(const float *x, ptrdiff_t n);

    acy_training training;
} acy_kernels;

static inline const acy_training *acy_training_of(const acy_kernels *kernels) {
    return &kernels->training;
}

/* Output pixels of one call of `conv`: their pointers live on the stack (2 x 2 KiB). */
#define ACY_CONV_PIXELS 256

/* Inputs per block of a fully connected product, and outputs of one call of `linear`: a block of
 * weights, 64 x 512 floats = 128 KiB, stays in the L2 cache, beside the next one and the sums. */
#define ACY_LINEAR_BLOCK 64
#define ACY_LINEAR_PART 512
#define ACY_LINEAR_RANGE 2048
/* Images of one call of `linear`: their sums, 64 x 512 floats, are 128 KiB too. */
#define ACY_LINEAR_IMAGES 64
/* So few images read whole rows of the weights: their sums, 8 x 4096 floats, are 128 KiB as well.
 */
#define ACY_LINEAR_FEW 8
#define ACY_LINEAR_FEW_RANGE 4096
/* A slice of a block, no wider than ACY_LINEAR_IMAGES floats, and the sums. */
#define ACY_LINEAR_SCRATCH                                                                         \
    (ACY_LINEAR_BLOCK * ACY_LINEAR_IMAGES + ACY_LINEAR_IMAGES * ACY_LINEAR_RANGE)

/* The levels compiled into this build that this processor and its operating system can run, best
 * first, ending with NULL. The last one is always "generic". */
const acy_kernels *const *acy_runnable_levels(void);

/* The names of all levels compiled into this build, best first, ending with NULL. */
const char *const *acy_compiled_levels(void);

#endif
