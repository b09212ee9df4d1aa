/* Every kernel of a level against naive C, through the table of kernels.h alone.
 *
 * It needs no Python, so that it runs where a processor is emulated. A kernel gets a check by a
 * function `void check_...(const acy_kernels *)` in a file of its own, a line below, and a line in
 * the table of main.c.
 *
 * Buffers end where unreadable memory begins: a kernel that reads or writes one float past the end
 * is killed, and one that writes before the beginning is found when the buffer is released.
 */
#ifndef ACY_CHECK_H
#define ACY_CHECK_H

#include "kernels.h"

void check_conv(const acy_kernels *kernels);
void check_winograd(const acy_kernels *kernels);
void check_linear(const acy_kernels *kernels);
void check_pack_rows(const acy_kernels *kernels);
void check_max_pool(const acy_kernels *kernels);
void check_adaptive_avg_pool(const acy_kernels *kernels);
void check_local_response_norm(const acy_kernels *kernels);
void check_norm_and_pool(const acy_kernels *kernels);
void check_norm_within_channel(const acy_kernels *kernels);
void check_relu(const acy_kernels *kernels);
void check_softmax(const acy_kernels *kernels);
void check_unit_distance(const acy_kernels *kernels);
void check_limits(const acy_kernels *kernels);

/* Floats at the very end of a mapping, all of them UNTOUCHED. Released by `release_buffers`. */
float *buffer(ptrdiff_t n);
void release_buffers(void);

/* Handler of SIGSEGV: tells what was being checked, and ends the program. */
void report_wild_access(int signal);

/* What a buffer holds until it is written: a finite number that no check computes. */
#define UNTOUCHED 1.5e38f

/* A buffer of values: whole numbers from -4 to 4, whose sums of products are exact in any order;
 * numbers with a full mantissa, whose sums tell the order of their additions; or 0 and -0. */
typedef enum { WHOLE_NUMBERS, FULL_MANTISSAS, SIGNED_ZEROS } value_kind;
float *random_buffer(ptrdiff_t n, value_kind kind);
float random_value(value_kind kind);

/* Weights [filter][k] as conv and winograd_multiply read them: panels of filters as wide as the
 * register tile, the last as narrow as whole vectors allow; in a panel k by k. Writes `depth` times
 * the filters, rounded up to whole vectors. */
void pack_panels(const acy_kernels *kernels, const float *weight, ptrdiff_t filters,
                 ptrdiff_t depth, float *packed);

/* What is being checked, for the message of a failure; as printf. */
void describe(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Compare bit by bit; any NaN equals any other. Says where the first difference is. */
void expect_same(const char *what, const float *computed, const float *expected, ptrdiff_t n);

/* Compare with a relative error: |computed - expected| <= bound * |expected|. */
void expect_near(const char *what, float computed, double expected, double bound);

/* sum + a * b, rounded once where the level fuses multiply and add, twice where it does not. */
float multiply_add(const acy_kernels *kernels, float a, float b, float sum);

static inline ptrdiff_t rounded_up(ptrdiff_t n, ptrdiff_t unit) {
    return (n + unit - 1) / unit * unit;
}
static inline ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

/* max(x, 0); NaN stays NaN. */
float cut_off(float x);

/* Unit roundoff of float32. */
#define UNIT_ROUNDOFF 0x1p-24

/* Comparisons made, and failures, since the last `start_count`. */
void start_count(void);
long comparisons(void);
long failures(void);

#endif
