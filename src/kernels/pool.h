/* Pooling over clipped windows: what lies outside the image does not exist. */

typedef struct {
    ptrdiff_t begin, end;
} acy_range;

/* The input rows (or columns) under output `i`: [i * stride - padding, + kernel), clipped. */
ACY_INLINE acy_range window_range(ptrdiff_t i, ptrdiff_t stride, ptrdiff_t padding,
                                  ptrdiff_t kernel, ptrdiff_t size) {
    const ptrdiff_t begin = i * stride - padding, end = begin + kernel;
    return (acy_range){begin < 0 ? 0 : begin, end > size ? size : end};
}

/* n channels: a whole vector, or the last ones of a pixel. */
ACY_INLINE vf load_channels(const float *x, ptrdiff_t n) {
    return n < ACY_LANES ? vf_load_first(x, n) : vf_load(x);
}
ACY_INLINE void store_channels(float *y, vf v, ptrdiff_t n) {
    if (n < ACY_LANES)
        vf_store_first(y, v, n);
    else
        vf_store(y, v);
}

enum { POOL_VECTORS = 4 }; /* of channels side by side: the loops over a window are short */

/* y[c] = max over (h, w) in a window of x[h, w, c] for `vectors` vectors of channels from c on, or
 * for n channels, fewer than a vector. Row h of the input lies at h % ring.
 *
 * The maximum starts with the window's first element, not with -inf, so that a window of -inf or
 * NaN keeps its value; NaN wins wherever it stands (PyTorch's rule, not Caffe's). */
ACY_INLINE void window_max(const acy_image *input, ptrdiff_t ring, acy_range rows,
                           acy_range columns, ptrdiff_t c, const int vectors, ptrdiff_t n,
                           float *y) {
    vf largest[POOL_VECTORS];
    ptrdiff_t place = rows.begin % ring;
    const float *row = input->data + columns.begin * input->pixel_stride + c;
    ACY_UNROLL for (int i = 0; i < vectors; i++) largest[i] =
        load_channels(row + place * input->row_stride + i * ACY_LANES, n);
    for (ptrdiff_t h = rows.begin; h < rows.end; h++) {
        const float *x = row + place * input->row_stride;
        for (ptrdiff_t w = columns.begin; w < columns.end; w++, x += input->pixel_stride)
            ACY_UNROLL for (int i = 0; i < vectors; i++) largest[i] =
                vf_max(largest[i], load_channels(x + i * ACY_LANES, n));
        if (++place == ring) place = 0;
    }
    ACY_UNROLL for (int i = 0; i < vectors; i++)
        store_channels(y + c + i * ACY_LANES, largest[i], n);
}

/* y[p, q, c] = max over (h, w) in window(p, q) of x[h, w, c] for one p, whose rows are given */
static void max_pool_row(const acy_image *input, ptrdiff_t ring, acy_range rows,
                         const acy_image *output, const acy_pool_window *window, ptrdiff_t p) {
    const ptrdiff_t channels = input->channels, whole = channels / ACY_LANES * ACY_LANES;
    const ptrdiff_t broad = channels / (POOL_VECTORS * ACY_LANES) * (POOL_VECTORS * ACY_LANES);
    float *y = output->data + p * output->row_stride;
    for (ptrdiff_t q = 0; q < output->width; q++, y += output->pixel_stride) {
        const acy_range columns =
            window_range(q, window->stride_w, window->padding_left, window->kernel_w, input->width);
        for (ptrdiff_t c = 0; c < broad; c += POOL_VECTORS * ACY_LANES)
            window_max(input, ring, rows, columns, c, POOL_VECTORS, ACY_LANES, y);
        for (ptrdiff_t c = broad; c < whole; c += ACY_LANES)
            window_max(input, ring, rows, columns, c, 1, ACY_LANES, y);
        if (whole < channels) window_max(input, ring, rows, columns, whole, 1, channels - whole, y);
    }
}

ACY_INLINE acy_range window_rows(const acy_pool_window *window, ptrdiff_t p, ptrdiff_t height) {
    return window_range(p, window->stride_h, window->padding_top, window->kernel_h, height);
}

static void max_pool(const acy_image *input, const acy_image *output, const acy_pool_window *window,
                     ptrdiff_t row_begin, ptrdiff_t row_end) {
    for (ptrdiff_t p = row_begin; p < row_end; p++)
        max_pool_row(input, input->height, window_rows(window, p, input->height), output, window,
                     p);
}

/* Rows as wide as the image's, without gaps, at the beginning of the scratch. */
ACY_INLINE acy_image ring_of_rows(const acy_image *input, float *scratch) {
    acy_image ring = *input;
    ring.data = scratch;
    ring.pixel_stride = input->channels;
    ring.row_stride = input->width * input->channels;
    return ring;
}

/* Normalise rows [begin, end), each into its place in the ring; what a row needs lies after it. */
ACY_INLINE void norm_into_ring(const acy_image *input, const acy_image *normed, ptrdiff_t ring,
                               const acy_norm *norm, ptrdiff_t begin, ptrdiff_t end) {
    for (ptrdiff_t h = begin; h < end; h++) {
        acy_image from = *input, to = *normed;
        from.data += h * input->row_stride;
        to.data += h % ring * normed->row_stride;
        local_response_norm(&from, &to, norm, 0, 1, normed->data + ring * normed->row_stride);
    }
}

/* Both layers in one pass: the normalised rows of a window stand in a ring of kernel_h rows, so
 * that each is computed once for all windows that it is in, and pooled while it is in the cache. */
static void norm_and_pool(const acy_image *input, const acy_image *output, const acy_norm *norm,
                          const acy_pool_window *window, ptrdiff_t row_begin, ptrdiff_t row_end,
                          float *scratch) {
    const ptrdiff_t ring = window->kernel_h;
    const acy_image normed = ring_of_rows(input, scratch);
    ptrdiff_t done = 0; /* rows before this one have been normalised, or are not needed */
    for (ptrdiff_t p = row_begin; p < row_end; p++) {
        const acy_range rows = window_rows(window, p, input->height);
        norm_into_ring(input, &normed, ring, norm, rows.begin > done ? rows.begin : done, rows.end);
        done = rows.end;
        max_pool_row(&normed, ring, rows, output, window, p);
    }
}

/* y[p, q, c] = mean of x[h, w, c] over h in [floor(p H / P), ceil((p + 1) H / P)), and w alike
 * (torch.nn.AdaptiveAvgPool2d). */
static void adaptive_avg_pool(const acy_image *input, const acy_image *output, ptrdiff_t row_begin,
                              ptrdiff_t row_end) {
    for (ptrdiff_t p = row_begin; p < row_end; p++) {
        const ptrdiff_t h_begin = p * input->height / output->height;
        const ptrdiff_t h_end = ((p + 1) * input->height + output->height - 1) / output->height;
        for (ptrdiff_t q = 0; q < output->width; q++) {
            const ptrdiff_t w_begin = q * input->width / output->width;
            const ptrdiff_t w_end = ((q + 1) * input->width + output->width - 1) / output->width;
            const float area = (float)((h_end - h_begin) * (w_end - w_begin));
            float *y = output->data + p * output->row_stride + q * output->pixel_stride;
            for (ptrdiff_t c = 0; c < input->channels; c += ACY_LANES) {
                const ptrdiff_t left = input->channels - c;
                vf sum = vf_zero();
                for (ptrdiff_t h = h_begin; h < h_end; h++)
                    for (ptrdiff_t w = w_begin; w < w_end; w++) {
                        const float *x =
                            input->data + h * input->row_stride + w * input->pixel_stride + c;
                        sum += load_channels(x, left);
                    }
                store_channels(y + c, sum / area, left);
            }
        }
    }
}
