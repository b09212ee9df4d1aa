/* The contract of training: the kernels of the backward pass and of the update, as kernels.h has
 * those of the forward pass, whose alphabet and rules hold here. e is the gradient of the loss by
 * what a layer computes in front of its ReLU, dx that by its input.
 */
#ifndef ACY_TRAINING_H
#define ACY_TRAINING_H

/* Included by kernels.h, behind the types that both share. */
#ifndef ACY_KERNELS_H
#error "training.h is included by kernels.h"
#endif

/* One step of the outer tile: c[i][j] += a[i] * b[j]. */
typedef struct {
    const float *a, *b;
} acy_row_pair;

/* Steps of the outer tile that share a block of both rows in the L1 cache. */
#define ACY_OUTER_STEPS 128

/* dg[run k, o] += sum over the pixels of x[pixel's patch + k] * e[pixel, o], for one group: a run
 * is a row of taps and their channels, or a tap of one group of several. */
typedef struct {
    const float *input;           /* first channel of the group */
    ptrdiff_t input_image_stride; /* as in acy_conv */
    ptrdiff_t input_step_h, input_step_w;
    const float *e; /* [N][P][Q][O], first channel of the group */
    ptrdiff_t e_image_stride, e_row_stride, e_pixel_stride;
    ptrdiff_t images, out_height, out_width;
    ptrdiff_t out_channels;           /* O / G */
    ptrdiff_t depth;                  /* R * S * C / G */
    ptrdiff_t run;                    /* floats of a run */
    ptrdiff_t row_runs;               /* runs of a kernel row: 1, or the taps of it */
    ptrdiff_t run_step_h, run_step_w; /* from a run to that of the next row; and in its row */
    float *gradient;                  /* of the group: panels as PackedConv has them */
    int accumulate;
} acy_conv_gradient;

/* v = momentum v + rate d; w -= v, or v = momentum v + d; w -= rate v; d = g + decay w */
typedef struct {
    float rate, momentum, decay;
    int rate_inside;
} acy_sgd;

/* c[k][o] (+)= sum_n x[n][k] e[n][o] for a fully connected layer. */
typedef struct {
    const float *x; /* [N][x_stride] */
    ptrdiff_t x_stride;
    const float *e;    /* panels, [N][width] each, */
    ptrdiff_t e_panel; /* so many floats apart */
    ptrdiff_t n_images;
    ptrdiff_t out_features;
    float *gradient; /* rows row_stride apart; or the weights, if they are updated */
    ptrdiff_t row_stride;
    int accumulate;
    float *velocity; /* as the weights, or NULL: the gradient is stored */
    acy_sgd sgd;
} acy_linear_gradient;

/* Inputs of one call of linear_data, at most. */
#define ACY_LINEAR_DOTS 48

/* dx[n][k] = scale * sum_o e[n][o] weight[k][o] where mask[n][k] > 0, else 0; a mask of NULL is
 * everywhere. */
typedef struct {
    const float *e;    /* panels, [N][width] each, */
    ptrdiff_t e_panel; /* so many floats apart */
    ptrdiff_t n_images;
    ptrdiff_t out_features;
    const float *weight; /* rows row_stride apart, zero-padded to whole vectors */
    ptrdiff_t row_stride;
    const float *mask; /* as dx */
    float scale;
    float *dx; /* [N][dx_stride] */
    ptrdiff_t dx_stride;
} acy_linear_data;

/* The inputs that a strip of a fully connected gradient has, in whole tiles, at least. */
#define ACY_LINEAR_STRIP 96

typedef struct {
    /* The adjoint of a Winograd convolution, of which `winograd_input` has made V. The tiles'
     * outputs are e here, which is read alone.
     *
     * D = A e A^T of the tiles [tile_begin, tile_end), in panels of out channels as wide as the
     * register tile: [pair][panel][tile][width]; m_pair floats a pair. */
    void (*winograd_error)(const acy_winograd *winograd, ptrdiff_t tile_begin, ptrdiff_t tile_end);
    /* dU[i, j][c, o] (+)= sum over the tiles of V[i, j][tile, c] D[i, j][tile, o], in the layout of
     * U, for some pairs of points and panels. Any number of tiles. */
    void (*winograd_products)(const acy_winograd *winograd, ptrdiff_t pair_begin,
                              ptrdiff_t pair_end, ptrdiff_t panel_begin, ptrdiff_t panel_end,
                              float *du, int accumulate);
    /* dg = G^T dU G of a panel: [taps_h][taps_w][channels][width of the panel]; pairs of points are
     * u_pair floats apart. */
    void (*winograd_kernel)(const acy_winograd *winograd, const float *du, ptrdiff_t u_pair,
                            ptrdiff_t panel, float *dg);

    /* Runs [run_begin, run_end) of one panel, pixels in order. `scratch` holds ACY_OUTER_STEPS *
     * panel_width floats. */
    void (*conv_gradient)(const acy_conv_gradient *gradient, ptrdiff_t panel, ptrdiff_t run_begin,
                          ptrdiff_t run_end, float *scratch);
    /* sums[c] = sum over the pixels of image[h, w, c], row by row. */
    void (*channel_sums)(const acy_image *image, float *sums);

    /* packed[panel][n][width] of the outputs of a fully connected layer: one panel. */
    void (*linear_panel)(const float *e, ptrdiff_t n_images, ptrdiff_t out_features,
                         ptrdiff_t panel, float *packed);
    /* Inputs [begin, end), at most ACY_LINEAR_STRIP, and some panels. `scratch` holds n_images *
     * (ACY_LINEAR_STRIP + 16) floats. */
    void (*linear_gradient)(const acy_linear_gradient *gradient, ptrdiff_t begin, ptrdiff_t end,
                            ptrdiff_t panel_begin, ptrdiff_t panel_end, float *scratch);
    /* dx for the inputs [begin, end), at most ACY_LINEAR_DOTS; asks for the weights of some of
     * those up to `further` ahead of time. `scratch` holds ACY_LINEAR_DOTS * n_images * lanes
     * floats. */
    void (*linear_data)(const acy_linear_data *data, ptrdiff_t begin, ptrdiff_t end,
                        ptrdiff_t further, float *scratch);

    /* max_pool that keeps the place of the first maximum in its window, [P][Q][C]. */
    void (*max_pool_winners)(const acy_image *input, const acy_image *output, uint8_t *winners,
                             const acy_pool_window *window, ptrdiff_t row_begin, ptrdiff_t row_end);
    void (*norm_and_pool_winners)(const acy_image *input, const acy_image *output, uint8_t *winners,
                                  const acy_norm *norm, const acy_pool_window *window,
                                  ptrdiff_t row_begin, ptrdiff_t row_end, float *scratch);
    /* Rows [row_begin, row_end) of dx; what the windows that a pixel has won give it, p and q
     * ascending; 0 where mask is not above 0. mask may be NULL. */
    void (*max_pool_gradient)(const acy_image *dy, const uint8_t *winners, const acy_image *dx,
                              const acy_image *mask, const acy_pool_window *window,
                              ptrdiff_t row_begin, ptrdiff_t row_end);
    void (*adaptive_avg_pool_gradient)(const acy_image *dy, const acy_image *dx,
                                       ptrdiff_t row_begin, ptrdiff_t row_end);
    /* dx = scale * dy where y > 0, else 0. */
    void (*relu_gradient)(const acy_image *y, const acy_image *dy, const acy_image *dx, float scale,
                          ptrdiff_t row_begin, ptrdiff_t row_end);

    /* dx of the local response norm of x, 0 where `relu` and x is not above 0; dx may be dy.
     * `scratch` holds 3 * (channels + size + 2 * lanes) floats. */
    void (*norm_gradient)(const acy_image *x, const acy_image *dy, const acy_image *dx,
                          const acy_norm *norm, int relu, ptrdiff_t row_begin, ptrdiff_t row_end,
                          float *scratch);
    /* max_pool_gradient, then norm_gradient; `scratch` holds a row of x without gaps besides. */
    void (*norm_and_pool_gradient)(const acy_image *x, const acy_image *dy, const uint8_t *winners,
                                   const acy_image *dx, const acy_norm *norm,
                                   const acy_pool_window *window, int relu, ptrdiff_t row_begin,
                                   ptrdiff_t row_end, float *scratch);

    /* As norm_gradient, of norm_within_channel; dx is neither x nor dy. `scratch` holds 1 +
     * 2 * min(size, height) rows of the input, each pixel in whole vectors. */
    void (*norm_within_gradient)(const acy_image *x, const acy_image *dy, const acy_image *dx,
                                 const acy_norm *norm, int relu, ptrdiff_t row_begin,
                                 ptrdiff_t row_end, float *scratch);

    /* dz = weight (softmax(z) - onehot(label)) / divisor of one row; returns the loss, weight
     * (log sum exp z - z[label]). z and dz may be the same. */
    double (*cross_entropy)(const float *z, ptrdiff_t n, ptrdiff_t label, double weight,
                            double divisor, float *dz);
    /* y[i] = scale * x[i] where the Philox word of unit i is at least `threshold`, else 0; the
     * counter's first word is i / 4, the others are counter[1 .. 3]. begin is a multiple of 4. */
    void (*dropout)(const float *x, float *y, ptrdiff_t begin, ptrdiff_t end, uint64_t threshold,
                    float scale, const uint32_t *counter, const uint32_t *key);
    void (*sgd)(float *weight, const float *gradient, float *velocity, ptrdiff_t n,
                const acy_sgd *sgd);
} acy_training;

#endif
