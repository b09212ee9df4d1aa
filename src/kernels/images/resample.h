/* Weighted averages of neighbouring pixels, along rows and along columns: a resize in 8 bits. */

/* The four lanes of a pixel: red, green, blue, and one that is thrown away. */
typedef int32_t pixel_lanes __attribute__((vector_size(16)));
typedef uint8_t bytes_of_pixel __attribute__((vector_size(4)));
typedef uint8_t bytes_of_vector __attribute__((vector_size(ACY_LANES)));

#define RESAMPLE_HALF (1 << (ACY_RESAMPLE_BITS - 1))

/* clip(sum >> ACY_RESAMPLE_BITS, 0, 255): the weights are not negative, so only the top clips. */
#define RESAMPLED(sum)                                                                             \
    (((sum) >> ACY_RESAMPLE_BITS) -                                                                \
     ((((sum) >> ACY_RESAMPLE_BITS) - 255) & (((sum) >> ACY_RESAMPLE_BITS) > 255)))

/* y[p, q, c] = clip((half + sum_k weight[q, k] x[p, first[q] + k, c]) >> bits) */
static void resample_columns(const acy_resample *resample, const uint8_t *x, ptrdiff_t x_stride,
                             uint8_t *y, ptrdiff_t y_stride, ptrdiff_t n_rows) {
    for (ptrdiff_t p = 0; p < n_rows; p++, x += x_stride, y += y_stride)
        for (ptrdiff_t q = 0; q < resample->outputs; q++) {
            const int32_t *weight = resample->weight + q * resample->taps;
            const uint8_t *pixel = x + 4 * (ptrdiff_t)resample->first[q];
            pixel_lanes sum = (pixel_lanes){0} + RESAMPLE_HALF;
            for (ptrdiff_t k = 0; k < resample->count[q]; k++) {
                bytes_of_pixel bytes;
                memcpy(&bytes, pixel + 4 * k, 4);
                sum += __builtin_convertvector(bytes, pixel_lanes) * weight[k];
            }
            bytes_of_pixel bytes = __builtin_convertvector(RESAMPLED(sum), bytes_of_pixel);
            memcpy(y + 3 * q, &bytes, 3);
        }
}

/* y[i] = clip((half + sum_k weight[k] x[k, i]) >> bits) of one row, of n bytes. */
static void resample_row(const acy_resample *resample, ptrdiff_t p, const uint8_t *x,
                         ptrdiff_t x_stride, uint8_t *y, ptrdiff_t n) {
    const int32_t *weight = resample->weight + p * resample->taps;
    const int32_t count = resample->count[p];
    ptrdiff_t i = 0;
    for (; i + ACY_LANES <= n; i += ACY_LANES) {
        vi sum = (vi){0} + RESAMPLE_HALF;
        for (ptrdiff_t k = 0; k < count; k++) {
            bytes_of_vector bytes;
            memcpy(&bytes, x + k * x_stride + i, ACY_LANES);
            sum += __builtin_convertvector(bytes, vi) * weight[k];
        }
        bytes_of_vector bytes = __builtin_convertvector(RESAMPLED(sum), bytes_of_vector);
        memcpy(y + i, &bytes, ACY_LANES);
    }
    for (; i < n; i++) {
        int32_t sum = RESAMPLE_HALF;
        for (ptrdiff_t k = 0; k < count; k++) sum += x[k * x_stride + i] * weight[k];
        sum >>= ACY_RESAMPLE_BITS;
        y[i] = (uint8_t)(sum > 255 ? 255 : sum);
    }
}
