/* What the machine can do at most: the limits that the benchmarks hold the other kernels against.
 */

enum { FMA_CHAINS = ACY_REGISTERS == 32 ? 24 : 12 };

/* FMA_CHAINS independent chains of multiply-adds in registers, more than latency x throughput of
 * any processor of the level needs: 2 * ACY_LANES * FMA_CHAINS * steps operations. */
static float multiply_add(ptrdiff_t steps) {
    vf sum[FMA_CHAINS];
    _Pragma("GCC unroll 24") for (int i = 0; i < FMA_CHAINS; i++) sum[i] = vf_set((float)i);
    const vf factor = vf_set(0.999f), term = vf_set(0.001f);
    for (ptrdiff_t step = 0; step < steps; step++)
        _Pragma("GCC unroll 24") for (int i = 0; i < FMA_CHAINS; i++) sum[i] =
            sum[i] * factor + term;
    vf total = vf_zero();
    _Pragma("GCC unroll 24") for (int i = 0; i < FMA_CHAINS; i++) total += sum[i];
    return total[0];
}

/* Reads n floats, n a multiple of 8 vectors, and does next to nothing with them. */
static float read_all(const float *x, ptrdiff_t n) {
    vf sum[8];
    ACY_UNROLL for (int i = 0; i < 8; i++) sum[i] = vf_zero();
    for (ptrdiff_t j = 0; j < n; j += 8 * ACY_LANES)
        ACY_UNROLL for (int i = 0; i < 8; i++) sum[i] += vf_load(x + j + i * ACY_LANES);
    vf total = vf_zero();
    ACY_UNROLL for (int i = 0; i < 8; i++) total += sum[i];
    return total[0];
}
