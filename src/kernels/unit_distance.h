/* How far apart two images' features are at each pixel: the comparison of one layer of LPIPS. */

/* The sum of the lanes, in their order. */
ACY_INLINE float vf_sum(vf v) {
    float sum = v[0];
    ACY_UNROLL for (int lane = 1; lane < ACY_LANES; lane++) sum += v[lane];
    return sum;
}

/* distance = sum_c weight[c] * (a[c] / |a| - b[c] / |b|)^2,   |x| = sqrt(sum_c x[c]^2) + epsilon
 *
 * The features of a pixel, 3 KiB at most, are in the L1 cache when they are read the second time.
 * Both quotients are rounded before they are subtracted, so that a and b may change places without
 * changing a bit; a product with 1 / |a| would be fused with the subtraction. */
static float pixel_distance(const float *a, const float *b, const float *weight, ptrdiff_t channels,
                            float epsilon) {
    vf squares_a = vf_zero(), squares_b = vf_zero();
    ptrdiff_t c = 0;
    for (; c + ACY_LANES <= channels; c += ACY_LANES) {
        const vf x = vf_load(a + c), y = vf_load(b + c);
        squares_a += x * x;
        squares_b += y * y;
    }
    const ptrdiff_t left = channels - c;
    if (left) {
        const vf x = vf_load_first(a + c, left), y = vf_load_first(b + c, left);
        squares_a += x * x;
        squares_b += y * y;
    }
    const vf norm_a = vf_sqrt(vf_set(vf_sum(squares_a))) + epsilon;
    const vf norm_b = vf_sqrt(vf_set(vf_sum(squares_b))) + epsilon;

    vf sum = vf_zero();
    for (c = 0; c + ACY_LANES <= channels; c += ACY_LANES) {
        const vf difference = vf_load(a + c) / norm_a - vf_load(b + c) / norm_b;
        sum += vf_load(weight + c) * (difference * difference);
    }
    if (left) {
        const vf difference =
            vf_load_first(a + c, left) / norm_a - vf_load_first(b + c, left) / norm_b;
        sum += vf_load_first(weight + c, left) * (difference * difference);
    }
    return vf_sum(sum);
}

static void unit_distance(const acy_image *a, const acy_image *b, const float *weight,
                          float epsilon, float *distance, ptrdiff_t row_begin, ptrdiff_t row_end) {
    for (ptrdiff_t p = row_begin; p < row_end; p++)
        for (ptrdiff_t q = 0; q < a->width; q++)
            distance[p * a->width + q] = pixel_distance(
                a->data + p * a->row_stride + q * a->pixel_stride,
                b->data + p * b->row_stride + q * b->pixel_stride, weight, a->channels, epsilon);
}
