/* Weighted averages of neighbouring pixels, along rows and along columns: a resize in 8 bits. */

/* The four lanes of a pixel: red, green, blue, and one that is thrown away. */
typedef int32_t pixel_lanes __attribute__((vector_size(16)));
typedef uint8_t bytes_of_pixel __attribute__((vector_size(4)));
typedef uint8_t bytes_of_vector __attribute__((vector_size(ACY_LANES)));

/* Bytes as whole numbers of 32 bits. GCC would widen them one by one. */
ACY_INLINE pixel_lanes widened_pixel(const uint8_t *p) {
#if defined(__SSE4_1__)
    int32_t bytes;
    memcpy(&bytes, p, 4);
    return (pixel_lanes)_mm_cvtepu8_epi32(_mm_cvtsi32_si128(bytes));
#else
    bytes_of_pixel bytes;
    memcpy(&bytes, p, 4);
    return __builtin_convertvector(bytes, pixel_lanes);
#endif
}

ACY_INLINE vi widened_vector(const uint8_t *p) {
#if ACY_LANES == 16 && defined(__AVX512F__)
    return (vi)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
#elif ACY_LANES == 8 && defined(__AVX2__)
    return (vi)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
#else
    bytes_of_vector bytes;
    memcpy(&bytes, p, ACY_LANES);
    return __builtin_convertvector(bytes, vi);
#endif
}

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
                sum += widened_pixel(pixel + 4 * k) * weight[k];
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
            sum += widened_vector(x + k * x_stride + i) * weight[k];
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
