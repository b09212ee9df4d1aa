/* Convolution as a matrix product that is never written out: rows are patches, columns are out
 * channels. Direct convolution multiplies each patch where it stands in the padded image; im2col
 * first copies the patches of one block of k side by side. Both then run the same register tile
 * over the same k in the same order, so they agree to the last bit.
 *
 * Loop order, outermost first (after Goto & van de Geijn, "Anatomy of high-performance matrix
 * multiplication", 2008): blocks of k; panels of out channels, whose block of weights stays in
 * the cache; tiles of pixels.
 */

/* Where the patches of pixels [begin, end) of the flattened (N, P, Q) start, and their outputs. */
static void conv_rows(const acy_conv *conv, ptrdiff_t begin, ptrdiff_t end, const float **patch,
                      float **output) {
    ptrdiff_t q = begin % conv->out_width;
    ptrdiff_t p = begin / conv->out_width % conv->out_height;
    ptrdiff_t n = begin / conv->out_width / conv->out_height;
    for (ptrdiff_t i = 0; i < end - begin; i++) {
        patch[i] = conv->input + n * conv->input_image_stride + p * conv->input_step_h +
                   q * conv->input_step_w;
        output[i] = conv->output + n * conv->output_image_stride + p * conv->output_row_stride +
                    q * conv->output_pixel_stride;
        if (++q == conv->out_width) {
            q = 0;
            if (++p == conv->out_height) {
                p = 0;
                n++;
            }
        }
    }
}

/* columns[i][0 .. depth) = the segments of patch i, one after the other */
static void copy_columns(const float *const *patch, ptrdiff_t n, const acy_segment *segments,
                         ptrdiff_t n_segments, ptrdiff_t depth, float *columns) {
    for (ptrdiff_t i = 0; i < n; i++) {
        float *to = columns + i * depth;
        for (ptrdiff_t s = 0; s < n_segments; s++) {
            memcpy(to, patch[i] + segments[s].offset, (size_t)segments[s].length * sizeof(float));
            to += segments[s].length;
        }
    }
}

static void conv_pixels(const acy_conv *conv, ptrdiff_t pixel_begin, ptrdiff_t pixel_end,
                        ptrdiff_t panel_begin, ptrdiff_t panel_end, float *scratch) {
    const ptrdiff_t n_pixels = pixel_end - pixel_begin;
    const float *patch[ACY_CONV_PIXELS], *column[ACY_CONV_PIXELS];
    float *output[ACY_CONV_PIXELS], *c[ACY_CONV_PIXELS];
    conv_rows(conv, pixel_begin, pixel_end, patch, output);

    /* The last panel may be wider than the channels that are left: it is summed up here, and only
     * the channels that exist are copied to the output. */
    float *const narrow = scratch;
    float *const columns = scratch + ACY_CONV_PIXELS * ACY_PANEL_WIDTH;

    ptrdiff_t k = 0, first = 0;
    for (ptrdiff_t block = 0; block < conv->n_blocks; block++) {
        const acy_segment *segments = conv->segments + first;
        ptrdiff_t n_segments = conv->block_ends[block] - first, depth = 0;
        for (ptrdiff_t s = 0; s < n_segments; s++) depth += segments[s].length;
        const acy_segment whole = {0, depth};
        const float *const *rows = patch;
        if (conv->copy_columns) {
            copy_columns(patch, n_pixels, segments, n_segments, depth, columns);
            for (ptrdiff_t i = 0; i < n_pixels; i++) column[i] = columns + i * depth;
            rows = column;
            segments = &whole;
            n_segments = 1;
        }
        const int last = block == conv->n_blocks - 1;
        const int finish = !last ? ACY_PARTIAL : conv->relu ? ACY_FINAL_RELU : ACY_FINAL;

        for (ptrdiff_t panel = panel_begin; panel < panel_end; panel++) {
            const ptrdiff_t o = panel * ACY_PANEL_WIDTH, left = conv->out_channels - o;
            const ptrdiff_t width = left < ACY_PANEL_WIDTH ? left : ACY_PANEL_WIDTH;
            const ptrdiff_t stored = (width + ACY_LANES - 1) / ACY_LANES * ACY_LANES;
            for (ptrdiff_t i = 0; i < n_pixels; i++)
                c[i] = width == stored ? output[i] + o : narrow + i * ACY_PANEL_WIDTH;
            gemm_rows(rows, n_pixels, width, segments, n_segments, depth,
                      conv->weight + o * conv->depth + k * stored,
                      conv->weight + o * conv->depth + k * stored, c,
                      block == 0 ? conv->bias + o : NULL, finish);
            if (last && width != stored)
                for (ptrdiff_t i = 0; i < n_pixels; i++)
                    memcpy(output[i] + o, c[i], (size_t)width * sizeof(float));
        }
        first = conv->block_ends[block];
        k += depth;
    }
}
