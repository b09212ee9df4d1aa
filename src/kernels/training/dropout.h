/* Inverted dropout by counter: Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011, whose constants these are). Nothing is stored: the same
 * counter and key give the same mask again.
 */
ACY_INLINE void philox(const uint32_t *counter, const uint32_t *key, uint32_t *words) {
    uint32_t a = counter[0], b = counter[1], c = counter[2], d = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    ACY_UNROLL for (int round = 0; round < 10; round++) {
        const uint64_t first = (uint64_t)a * 0xD2511F53u, second = (uint64_t)c * 0xCD9E8D57u;
        a = (uint32_t)(second >> 32) ^ b ^ k0;
        b = (uint32_t)second;
        c = (uint32_t)(first >> 32) ^ d ^ k1;
        d = (uint32_t)first;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = a;
    words[1] = b;
    words[2] = c;
    words[3] = d;
}

/* y[i] = scale * x[i] where the word of unit i is at least `threshold`, else 0. */
static void dropout(const float *x, float *y, ptrdiff_t begin, ptrdiff_t end, uint64_t threshold,
                    float scale, const uint32_t *counter, const uint32_t *key) {
    for (ptrdiff_t i = begin; i < end; i += 4) {
        const uint32_t place[4] = {(uint32_t)(i / 4), counter[1], counter[2], counter[3]};
        uint32_t words[4];
        philox(place, key, words);
        for (ptrdiff_t j = 0; j < 4 && i + j < end; j++)
            y[i + j] = words[j] >= threshold ? scale * x[i + j] : 0.0f;
    }
}
