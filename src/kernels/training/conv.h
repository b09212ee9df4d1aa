/* The gradient of a direct convolution's weights and of its bias.
 *
 *     dg[k, o] (+)= sum over the pixels of patch[pixel, k] * e[pixel, o]
 *
 * A panel of e is copied side by side, ACY_OUTER_STEPS pixels at a time; patches are multiplied
 * where they stand.
 */

/* What `n` pixels give some runs of a panel. */
static void add_pixels(const acy_conv_gradient *g, const acy_row_pair *pixels, ptrdiff_t n,
                       ptrdiff_t run_begin, ptrdiff_t run_end, float *panel, ptrdiff_t width,
                       int accumulate) {
    acy_row_pair pairs[ACY_OUTER_STEPS];
    for (ptrdiff_t run = run_begin; run < run_end; run++) {
        const ptrdiff_t offset =
            run / g->row_runs * g->run_step_h + run % g->row_runs * g->run_step_w;
        for (ptrdiff_t i = 0; i < n; i++)
            pairs[i] = (acy_row_pair){pixels[i].a + offset, pixels[i].b};
        outer_rows(pairs, n, g->run, width / ACY_LANES, panel + run * g->run * width, width,
                   accumulate);
    }
}

static void conv_gradient(const acy_conv_gradient *g, ptrdiff_t panel, ptrdiff_t run_begin,
                          ptrdiff_t run_end, float *scratch) {
    acy_row_pair pixels[ACY_OUTER_STEPS];
    const ptrdiff_t o = panel * ACY_PANEL_WIDTH, width = width_of_panel(g->out_channels, panel);
    float *const dg = g->gradient + o * g->depth;
    int accumulate = g->accumulate;
    ptrdiff_t n = 0;
    for (ptrdiff_t image = 0; image < g->images; image++)
        for (ptrdiff_t p = 0; p < g->out_height; p++)
            for (ptrdiff_t q = 0; q < g->out_width; q++) {
                pixels[n].a = g->input + image * g->input_image_stride + p * g->input_step_h +
                              q * g->input_step_w;
                pixels[n].b = scratch + n * width;
                copy_padded(g->e + image * g->e_image_stride + p * g->e_row_stride +
                                q * g->e_pixel_stride + o,
                            g->out_channels - o, width, scratch + n * width);
                if (++n == ACY_OUTER_STEPS) {
                    add_pixels(g, pixels, n, run_begin, run_end, dg, width, accumulate);
                    accumulate = 1;
                    n = 0;
                }
            }
    if (n > 0 || !accumulate) add_pixels(g, pixels, n, run_begin, run_end, dg, width, accumulate);
}

enum { SUM_VECTORS = 8 }; /* of channels side by side: a cache line or more of every pixel */

/* sums[c] = sum over the pixels, for `vectors` vectors of channels from c on, or for n channels. */
ACY_INLINE void sum_channels(const acy_image *image, ptrdiff_t c, const int vectors, ptrdiff_t n,
                             float *sums) {
    vf sum[SUM_VECTORS];
    ACY_UNROLL for (int i = 0; i < vectors; i++) sum[i] = vf_zero();
    for (ptrdiff_t h = 0; h < image->height; h++) {
        const float *x = image->data + h * image->row_stride + c;
        for (ptrdiff_t w = 0; w < image->width; w++, x += image->pixel_stride)
            ACY_UNROLL for (int i = 0; i < vectors; i++) sum[i] +=
                load_channels(x + i * ACY_LANES, n);
    }
    ACY_UNROLL for (int i = 0; i < vectors; i++)
        store_channels(sums + c + i * ACY_LANES, sum[i], n);
}

static void channel_sums(const acy_image *image, float *sums) {
    const ptrdiff_t channels = image->channels, whole = channels / ACY_LANES * ACY_LANES;
    const ptrdiff_t broad = channels / (SUM_VECTORS * ACY_LANES) * (SUM_VECTORS * ACY_LANES);
    for (ptrdiff_t c = 0; c < broad; c += SUM_VECTORS * ACY_LANES)
        sum_channels(image, c, SUM_VECTORS, ACY_LANES, sums);
    for (ptrdiff_t c = broad; c < whole; c += ACY_LANES) sum_channels(image, c, 1, ACY_LANES, sums);
    if (whole < channels) sum_channels(image, whole, 1, channels - whole, sums);
}
