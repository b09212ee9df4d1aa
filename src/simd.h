/* One vector vocabulary for every level: `vf` holds ACY_LANES floats.
 *
 * Arithmetic is written with + - * / on GCC and Clang vector types; the compiler contracts
 * a + b * c to a fused multiply-add where the level has one (-ffp-contract=fast). The few things
 * these types cannot say (square root, maximum with a stated order of operands) are below, with
 * the instruction where there is one and a loop over the lanes elsewhere.
 *
 * Included by the files of src/isa after ACY_LANES is set. All functions are static: no symbol of a
 * wide level can be taken by the linker for a narrow one.
 */
#ifndef ACY_LANES
#error "simd.h is included by the files of src/isa, which define ACY_LANES"
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define ACY_INLINE static inline __attribute__((always_inline))
#define ACY_NOINLINE static __attribute__((noinline))
#define ACY_ALIGNED __attribute__((aligned(ACY_ALIGNMENT_BYTES)))
#define ACY_UNROLL _Pragma("GCC unroll 16")

typedef float vf __attribute__((vector_size(4 * ACY_LANES)));
typedef int32_t vi __attribute__((vector_size(4 * ACY_LANES)));
/* The same, wherever it stands in memory: every load and store of ours is an unaligned one, which
 * costs nothing when the address happens to be aligned. */
typedef float vf_unaligned __attribute__((vector_size(4 * ACY_LANES), aligned(4), may_alias));

ACY_INLINE vf vf_load(const float *p) { return *(const vf_unaligned *)p; }
ACY_INLINE void vf_store(float *p, vf v) { *(vf_unaligned *)p = v; }
ACY_INLINE vf vf_zero(void) { return (vf){0}; }
ACY_INLINE vf vf_set(float x) { return x - (vf){0}; } /* x - 0 is x, for every x, -0 and NaN too */

/* The first n floats, n < ACY_LANES; the other lanes are zero. Reads and writes no others. */
ACY_INLINE vf vf_load_first(const float *p, ptrdiff_t n) {
    vf v = vf_zero();
    memcpy(&v, p, (size_t)n * sizeof(float));
    return v;
}
ACY_INLINE void vf_store_first(float *p, vf v, ptrdiff_t n) {
    memcpy(p, &v, (size_t)n * sizeof(float));
}

/* Of the lanes of low and, after them, those of high, the ACY_LANES from lane `first` on. */
ACY_INLINE vf vf_from_pair(vf low, vf high, const int first) {
#if defined(__clang__) /* which shuffles by lanes that are constants of the source alone */
    float both[2 * ACY_LANES];
    vf_store(both, low);
    vf_store(both + ACY_LANES, high);
    return vf_load(both + first);
#else
    vi lanes;
    ACY_UNROLL for (int lane = 0; lane < ACY_LANES; lane++) lanes[lane] = first + lane;
    return __builtin_shuffle(low, high, lanes);
#endif
}

/* x, in a way that keeps the compiler from fusing the product that x may be with an addition. */
ACY_INLINE vf vf_rounded(vf x) {
#if defined(__x86_64__)
    __asm__("" : "+v"(x));
#elif defined(__aarch64__)
    __asm__("" : "+w"(x));
#endif
    return x;
}

/* a * b + c, rounded once where the level can, wherever it stands: the compiler fuses what is
 * written with operators only if both are in one basic block. */
ACY_INLINE vf vf_multiply_add(vf a, vf b, vf c) {
#if ACY_LANES == 16 && defined(__AVX512F__)
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif ACY_LANES == 8 && defined(__FMA__)
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif ACY_LANES == 4 && defined(__aarch64__)
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    return a * b + c;
#endif
}

ACY_INLINE vf vf_select(vi mask, vf if_true, vf if_false) {
    return (vf)((mask & (vi)if_true) | (~mask & (vi)if_false));
}

/* max(floor, x); a NaN in x stays. The x86 instruction returns its second operand when one is NaN.
 */
ACY_INLINE vf vf_at_least(vf x, vf floor) {
#if ACY_LANES == 16 && defined(__AVX512F__)
    return (vf)_mm512_max_ps((__m512)floor, (__m512)x);
#elif ACY_LANES == 8 && defined(__AVX__)
    return (vf)_mm256_max_ps((__m256)floor, (__m256)x);
#elif ACY_LANES == 4 && defined(__SSE2__)
    return (vf)_mm_max_ps((__m128)floor, (__m128)x);
#elif ACY_LANES == 4 && defined(__aarch64__)
    return (vf)vmaxq_f32((float32x4_t)floor, (float32x4_t)x);
#else
    return vf_select(x < floor, floor, x);
#endif
}
ACY_INLINE vf vf_relu(vf x) { return vf_at_least(x, vf_zero()); }

/* The larger of two; NaN if either is NaN, whichever it is. */
ACY_INLINE vf vf_max(vf a, vf b) {
#if ACY_LANES == 16 && defined(__AVX512F__)
    /* max(b, a) is a when unordered: right unless b alone is NaN. */
    __mmask16 b_is_nan = _mm512_cmp_ps_mask((__m512)b, (__m512)b, _CMP_UNORD_Q);
    return (vf)_mm512_mask_mov_ps(_mm512_max_ps((__m512)b, (__m512)a), b_is_nan, (__m512)b);
#elif ACY_LANES == 8 && defined(__AVX__)
    __m256 b_is_nan = _mm256_cmp_ps((__m256)b, (__m256)b, _CMP_UNORD_Q);
    return (vf)_mm256_blendv_ps(_mm256_max_ps((__m256)b, (__m256)a), (__m256)b, b_is_nan);
#elif ACY_LANES == 4 && defined(__aarch64__)
    return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b); /* NaN-propagating by definition */
#else
    return vf_select((b > a) | (b != b), b, a); /* false for a NaN in a: a stays */
#endif
}

ACY_INLINE vf vf_sqrt(vf x) {
#if ACY_LANES == 16 && defined(__AVX512F__)
    return (vf)_mm512_sqrt_ps((__m512)x);
#elif ACY_LANES == 8 && defined(__AVX__)
    return (vf)_mm256_sqrt_ps((__m256)x);
#elif ACY_LANES == 4 && defined(__SSE2__)
    return (vf)_mm_sqrt_ps((__m128)x);
#elif ACY_LANES == 4 && defined(__aarch64__)
    return (vf)vsqrtq_f32((float32x4_t)x);
#else
    vf root;
    for (int lane = 0; lane < ACY_LANES; lane++) root[lane] = __builtin_sqrtf(x[lane]);
    return root;
#endif
}
