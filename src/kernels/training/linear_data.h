/* The gradient by a fully connected layer's inputs: dx[n][k] = sum_o e[n][o] weight[k][o]. */

/* The sum of a vector's lanes, halves first: an order that every level has in its own width. */
ACY_INLINE float sum_of_lanes(vf v) {
    float lane[ACY_LANES] ACY_ALIGNED;
    vf_store(lane, v);
    for (int n = ACY_LANES / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++) lane[i] += lane[i + n];
    return lane[0];
}

static void linear_data(const float *e, ptrdiff_t e_stride, ptrdiff_t n_images, const float *weight,
                        ptrdiff_t row_stride, ptrdiff_t out_features, const float *mask,
                        float scale, float *dx, ptrdiff_t dx_stride, ptrdiff_t begin, ptrdiff_t end,
                        float *scratch) {
    (void)scratch;
    for (ptrdiff_t k = begin; k < end; k++)
        for (ptrdiff_t n = 0; n < n_images; n++) {
            vf sum = vf_zero();
            for (ptrdiff_t o = 0; o < out_features; o += ACY_LANES)
                sum += vf_load(e + n * e_stride + o) * vf_load(weight + k * row_stride + o);
            const int passes = !mask || mask[n * dx_stride + k] > 0.0f;
            dx[n * dx_stride + k] = passes ? scale * sum_of_lanes(sum) : 0.0f;
        }
}
