/* Gradient descent with momentum and weight decay, elementwise.
 *
 * Caffe and the 2012 paper have the rate inside, v = momentum v + rate d; w -= v; PyTorch has it
 * outside, v = momentum v + d; w -= rate v; d = g + decay w. While the rate does not change they
 * are the same but for rounding.
 */
ACY_INLINE vf sgd_step(vf w, vf g, vf *velocity, const acy_sgd *sgd) {
    const vf d = g + w * sgd->decay;
    if (sgd->rate_inside) {
        /* Two products in one sum: which of them is fused must not be the compiler's choice. */
        const vf step = vf_rounded(d * sgd->rate);
        *velocity = step + *velocity * sgd->momentum;
        return w - *velocity;
    }
    *velocity = d + *velocity * sgd->momentum;
    return w - *velocity * sgd->rate;
}

static void sgd(float *weight, const float *gradient, float *velocity, ptrdiff_t n,
                const acy_sgd *settings) {
    for (ptrdiff_t i = 0; i < n; i += ACY_LANES) {
        const ptrdiff_t left = n - i;
        vf v = load_channels(velocity + i, left);
        const vf w = sgd_step(load_channels(weight + i, left), load_channels(gradient + i, left),
                              &v, settings);
        store_channels(weight + i, w, left);
        store_channels(velocity + i, v, left);
    }
}
