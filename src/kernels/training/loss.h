/* dz[i] = weight * (exp(z[i]) / sum_j exp(z[j]) - (i == label)) / divisor, all in double; returns
 * weight * (log sum_j exp(z[j]) - z[label]). Both take the largest z off first, so that nothing
 * overflows; a NaN makes loss and gradient NaN, and so does +inf. */
static double cross_entropy(const float *z, ptrdiff_t n, ptrdiff_t label, double weight,
                            double divisor, float *dz) {
    double largest = z[0];
    for (ptrdiff_t i = 1; i < n; i++)
        if (z[i] > largest) largest = z[i];
    double sum = 0.0;
    for (ptrdiff_t i = 0; i < n; i++) sum += exp((double)z[i] - largest);
    const double loss = weight * (log(sum) - ((double)z[label] - largest));
    for (ptrdiff_t i = 0; i < n; i++) {
        const double p = exp((double)z[i] - largest) / sum;
        dz[i] = (float)(weight * (p - (i == label)) / divisor);
    }
    return loss;
}
