/* Gradient descent with momentum and weight decay, elementwise.
 *
 * Caffe and the 2012 paper have the rate inside, v = momentum v + rate d; w -= v; PyTorch has it
 * outside, v = momentum v + d; w -= rate v; d = g + decay w. While the rate does not change they
 * are the same but for rounding.
 */
ACY_INLINE vf sgd_step(vf w, vf g, vf *velocity, const acy_sgd *sgd) {
    const vf momentum = vf_set(sgd->momentum), rate = vf_set(sgd->rate);
    const vf d = vf_multiply_add(w, vf_set(sgd->decay), g);
    if (sgd->rate_inside) {
        *velocity = vf_multiply_add(*velocity, momentum, vf_rounded(d * rate));
        return w - *velocity;
    }
    *velocity = vf_multiply_add(*velocity, momentum, d);
    return vf_multiply_add(*velocity, -rate, w);
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
