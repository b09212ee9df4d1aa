/* Max pooling that keeps its winners, and the ways back through pooling and ReLU. */

typedef uint8_t bytes_unaligned __attribute__((vector_size(ACY_LANES), aligned(1), may_alias));

/* The bytes of `n` places, as whole numbers; the other lanes are zero. */
ACY_INLINE vi load_places(const uint8_t *from, ptrdiff_t n) {
    uint8_t bytes[ACY_LANES] ACY_ALIGNED = {0};
    if (n < ACY_LANES) {
        memcpy(bytes, from, (size_t)n);
        from = bytes;
    }
    return __builtin_convertvector(*(const bytes_unaligned *)from, vi);
}
ACY_INLINE void store_places(uint8_t *to, vi places, ptrdiff_t n) {
    const bytes_unaligned bytes = __builtin_convertvector(places, bytes_unaligned);
    memcpy(to, &bytes, (size_t)(n < ACY_LANES ? n : ACY_LANES));
}
ACY_INLINE vi vi_set(int32_t x) { return x - (vi){0}; }

/* window_max, with the place in its window of the first maximum, or of the first NaN: places are
 * numbered row by row, those outside the image too. `first` is that of (rows.begin,
 * columns.begin), a row of places window_w long. */
ACY_INLINE void window_winners(const acy_image *input, ptrdiff_t ring, acy_range rows,
                               acy_range columns, ptrdiff_t first, ptrdiff_t window_w, ptrdiff_t c,
                               const int vectors, ptrdiff_t n, float *y, uint8_t *winners) {
    vf largest[POOL_VECTORS];
    vi winner[POOL_VECTORS];
    ptrdiff_t place = rows.begin % ring;
    const float *row = input->data + columns.begin * input->pixel_stride + c;
    ACY_UNROLL for (int i = 0; i < vectors; i++) {
        largest[i] = load_channels(row + place * input->row_stride + i * ACY_LANES, n);
        winner[i] = vi_set((int32_t)first);
    }
    for (ptrdiff_t h = rows.begin; h < rows.end; h++, first += window_w) {
        const float *x = row + place * input->row_stride;
        int32_t at = (int32_t)first;
        for (ptrdiff_t w = columns.begin; w < columns.end; w++, x += input->pixel_stride, at++)
            ACY_UNROLL for (int i = 0; i < vectors; i++) {
                const vf here = load_channels(x + i * ACY_LANES, n);
                const vi wins = (here > largest[i]) | ((here != here) & (largest[i] == largest[i]));
                winner[i] = (vi_set(at) & wins) | (winner[i] & ~wins);
                largest[i] = vf_max(largest[i], here);
            }
        if (++place == ring) place = 0;
    }
    ACY_UNROLL for (int i = 0; i < vectors; i++) {
        store_channels(y + c + i * ACY_LANES, largest[i], n);
        store_places(winners + c + i * ACY_LANES, winner[i], n);
    }
}

static void max_pool_winners_row(const acy_image *input, ptrdiff_t ring, acy_range rows,
                                 const acy_image *output, uint8_t *winners,
                                 const acy_pool_window *window, ptrdiff_t p) {
    const ptrdiff_t channels = input->channels, whole = channels / ACY_LANES * ACY_LANES;
    const ptrdiff_t broad = channels / (POOL_VECTORS * ACY_LANES) * (POOL_VECTORS * ACY_LANES);
    const ptrdiff_t down = rows.begin - (p * window->stride_h - window->padding_top);
    float *y = output->data + p * output->row_stride;
    winners += p * output->width * channels;
    for (ptrdiff_t q = 0; q < output->width; q++, y += output->pixel_stride, winners += channels) {
        const acy_range columns =
            window_range(q, window->stride_w, window->padding_left, window->kernel_w, input->width);
        const ptrdiff_t across = columns.begin - (q * window->stride_w - window->padding_left);
        const ptrdiff_t wide = window->kernel_w, first = down * wide + across;
        for (ptrdiff_t c = 0; c < broad; c += POOL_VECTORS * ACY_LANES)
            window_winners(input, ring, rows, columns, first, wide, c, POOL_VECTORS, ACY_LANES, y,
                           winners);
        for (ptrdiff_t c = broad; c < whole; c += ACY_LANES)
            window_winners(input, ring, rows, columns, first, wide, c, 1, ACY_LANES, y, winners);
        if (whole < channels)
            window_winners(input, ring, rows, columns, first, wide, whole, 1, channels - whole, y,
                           winners);
    }
}

static void max_pool_winners(const acy_image *input, const acy_image *output, uint8_t *winners,
                             const acy_pool_window *window, ptrdiff_t row_begin,
                             ptrdiff_t row_end) {
    for (ptrdiff_t p = row_begin; p < row_end; p++)
        max_pool_winners_row(input, input->height, window_rows(window, p, input->height), output,
                             winners, window, p);
}

static void norm_and_pool_winners(const acy_image *input, const acy_image *output, uint8_t *winners,
                                  const acy_norm *norm, const acy_pool_window *window,
                                  ptrdiff_t row_begin, ptrdiff_t row_end, float *scratch) {
    const ptrdiff_t ring = window->kernel_h;
    const acy_image normed = ring_of_rows(input, scratch);
    ptrdiff_t done = 0; /* rows before this one have been normalised, or are not needed */
    for (ptrdiff_t p = row_begin; p < row_end; p++) {
        const acy_range rows = window_rows(window, p, input->height);
        norm_into_ring(input, &normed, ring, norm, rows.begin > done ? rows.begin : done, rows.end);
        done = rows.end;
        max_pool_winners_row(&normed, ring, rows, output, winners, window, p);
    }
}

/* The outputs whose windows hold the input row (or column) i: begin <= p < end. */
ACY_INLINE acy_range windows_over(ptrdiff_t i, ptrdiff_t stride, ptrdiff_t padding,
                                  ptrdiff_t kernel, ptrdiff_t n_windows) {
    const ptrdiff_t last = i + padding, first = last - kernel + 1;
    const ptrdiff_t begin = first <= 0 ? 0 : (first + stride - 1) / stride;
    const ptrdiff_t end = last / stride + 1;
    return (acy_range){begin, end < n_windows ? end : n_windows};
}

/* One of the windows that hold a pixel. */
typedef struct {
    const float *dy;
    const uint8_t *winners;
    int32_t place; /* of the pixel in the window */
} acy_holder;
enum { MOST_HOLDERS = 256 }; /* as many as a window has places */

/* dx[c] = sum over the windows of dy[c] where the pixel has won, and where mask[c] > 0. */
ACY_INLINE void add_holders(const acy_holder *holders, ptrdiff_t n_holders, const float *mask,
                            ptrdiff_t c, const int vectors, ptrdiff_t n, float *dx) {
    vf sum[POOL_VECTORS];
    ACY_UNROLL for (int i = 0; i < vectors; i++) sum[i] = vf_zero();
    for (ptrdiff_t k = 0; k < n_holders; k++) ACY_UNROLL for (int i = 0; i < vectors; i++) {
            const ptrdiff_t at = c + i * ACY_LANES;
            const vi won = load_places(holders[k].winners + at, n) == vi_set(holders[k].place);
            sum[i] += (vf)(won & (vi)load_channels(holders[k].dy + at, n));
        }
    ACY_UNROLL for (int i = 0; i < vectors; i++) {
        const ptrdiff_t at = c + i * ACY_LANES;
        if (mask) sum[i] = (vf)((load_channels(mask + at, n) > vf_zero()) & (vi)sum[i]);
        store_channels(dx + at, sum[i], n);
    }
}

/* Row h of dx, at `out`; mask, if there is one, begins with that row too. */
static void max_pool_gradient_row(const acy_image *dy, const uint8_t *winners, const acy_image *dx,
                                  const float *mask, ptrdiff_t mask_pixel,
                                  const acy_pool_window *window, ptrdiff_t h, float *out) {
    acy_holder holders[MOST_HOLDERS];
    const ptrdiff_t channels = dy->channels, whole = channels / ACY_LANES * ACY_LANES;
    const ptrdiff_t broad = channels / (POOL_VECTORS * ACY_LANES) * (POOL_VECTORS * ACY_LANES);
    const acy_range rows =
        windows_over(h, window->stride_h, window->padding_top, window->kernel_h, dy->height);
    for (ptrdiff_t w = 0; w < dx->width; w++, out += dx->pixel_stride) {
        const acy_range columns =
            windows_over(w, window->stride_w, window->padding_left, window->kernel_w, dy->width);
        ptrdiff_t n = 0;
        for (ptrdiff_t p = rows.begin; p < rows.end; p++)
            for (ptrdiff_t q = columns.begin; q < columns.end; q++, n++) {
                const ptrdiff_t down = h + window->padding_top - p * window->stride_h;
                const ptrdiff_t across = w + window->padding_left - q * window->stride_w;
                holders[n].dy = dy->data + p * dy->row_stride + q * dy->pixel_stride;
                holders[n].winners = winners + (p * dy->width + q) * channels;
                holders[n].place = (int32_t)(down * window->kernel_w + across);
            }
        for (ptrdiff_t c = 0; c < broad; c += POOL_VECTORS * ACY_LANES)
            add_holders(holders, n, mask, c, POOL_VECTORS, ACY_LANES, out);
        for (ptrdiff_t c = broad; c < whole; c += ACY_LANES)
            add_holders(holders, n, mask, c, 1, ACY_LANES, out);
        if (whole < channels) add_holders(holders, n, mask, whole, 1, channels - whole, out);
        if (mask) mask += mask_pixel;
    }
}

static void max_pool_gradient(const acy_image *dy, const uint8_t *winners, const acy_image *dx,
                              const acy_image *mask, const acy_pool_window *window,
                              ptrdiff_t row_begin, ptrdiff_t row_end) {
    for (ptrdiff_t h = row_begin; h < row_end; h++)
        max_pool_gradient_row(dy, winners, dx, mask ? mask->data + h * mask->row_stride : NULL,
                              mask ? mask->pixel_stride : 0, window, h,
                              dx->data + h * dx->row_stride);
}

/* dx[h, w, c] = sum of dy[p, q, c] / area(p, q) over the parts (p, q) that hold (h, w). */
static void adaptive_avg_pool_gradient(const acy_image *dy, const acy_image *dx,
                                       ptrdiff_t row_begin, ptrdiff_t row_end) {
    for (ptrdiff_t h = row_begin; h < row_end; h++)
        for (ptrdiff_t w = 0; w < dx->width; w++)
            for (ptrdiff_t c = 0; c < dx->channels; c += ACY_LANES) {
                const ptrdiff_t left = dx->channels - c;
                vf sum = vf_zero();
                /* the first part with an end beyond h, and on while parts begin at or before h */
                for (ptrdiff_t p = h * dy->height / dx->height;
                     p < dy->height && p * dx->height / dy->height <= h; p++) {
                    const ptrdiff_t h_begin = p * dx->height / dy->height;
                    const ptrdiff_t h_end = ((p + 1) * dx->height + dy->height - 1) / dy->height;
                    for (ptrdiff_t q = w * dy->width / dx->width;
                         q < dy->width && q * dx->width / dy->width <= w; q++) {
                        const ptrdiff_t w_begin = q * dx->width / dy->width;
                        const ptrdiff_t w_end = ((q + 1) * dx->width + dy->width - 1) / dy->width;
                        const float area = (float)((h_end - h_begin) * (w_end - w_begin));
                        sum += load_channels(
                                   dy->data + p * dy->row_stride + q * dy->pixel_stride + c, left) /
                               area;
                    }
                }
                store_channels(dx->data + h * dx->row_stride + w * dx->pixel_stride + c, sum, left);
            }
}

static void relu_gradient(const acy_image *y, const acy_image *dy, const acy_image *dx, float scale,
                          ptrdiff_t row_begin, ptrdiff_t row_end) {
    for (ptrdiff_t h = row_begin; h < row_end; h++)
        for (ptrdiff_t w = 0; w < dx->width; w++) {
            const float *const at = y->data + h * y->row_stride + w * y->pixel_stride;
            const float *const from = dy->data + h * dy->row_stride + w * dy->pixel_stride;
            float *const to = dx->data + h * dx->row_stride + w * dx->pixel_stride;
            for (ptrdiff_t c = 0; c < dx->channels; c += ACY_LANES) {
                const ptrdiff_t n = dx->channels - c;
                const vi passes = load_channels(at + c, n) > vf_zero();
                store_channels(to + c, (vf)(passes & (vi)(load_channels(from + c, n) * scale)), n);
            }
        }
}
