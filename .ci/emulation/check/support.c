/* Guarded buffers, random values and comparisons: see check.h. */
#include "check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MAX_BUFFERS = 64, FAILURES_SHOWN = 5 };

typedef struct {
    char *pages;
    size_t bytes; /* without the unreadable page */
    float *floats;
} mapping;

static mapping mappings[MAX_BUFFERS];
static int n_mappings;
static char description[256];
static long n_comparisons, n_failures;

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void fail(const char *format, ...) {
    n_failures++;
    if (n_failures > FAILURES_SHOWN) return;
    va_list arguments;
    va_start(arguments, format);
    printf("    %s: ", description);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

void report_wild_access(int signal) {
    (void)signal;
    printf("    %s: touched memory outside its buffers\n", description);
    fflush(stdout);
    _exit(1);
}

float *buffer(ptrdiff_t n) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), wanted = (size_t)n * sizeof(float);
    const size_t bytes = (wanted / page + 1) * page;
    char *pages =
        mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || n_mappings == MAX_BUFFERS ||
        mprotect(pages + bytes, page, PROT_NONE)) {
        printf("no memory for a buffer of %td floats\n", n);
        exit(2);
    }
    float *all = (float *)pages, *end = (float *)(pages + bytes);
    for (float *p = all; p < end; p++) *p = UNTOUCHED;
    mappings[n_mappings++] = (mapping){pages, bytes, end - n};
    return end - n;
}

void release_buffers(void) {
    while (n_mappings > 0) {
        const mapping m = mappings[--n_mappings];
        for (const float *p = (const float *)m.pages; p < m.floats; p++)
            if (*p != UNTOUCHED) {
                fail("wrote %td floats before the beginning of a buffer", m.floats - p);
                break;
            }
        munmap(m.pages, m.bytes + (size_t)sysconf(_SC_PAGESIZE));
    }
}

/* xorshift32 (Marsaglia, "Xorshift RNGs", 2003) */
static uint32_t random_bits(void) {
    static uint32_t state = 2463534242u;
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

float random_value(value_kind kind) {
    if (kind == WHOLE_NUMBERS) return (float)((int)(random_bits() % 9) - 4);
    if (kind == SIGNED_ZEROS) return random_bits() & 1 ? 0.0f : -0.0f;
    return (float)(random_bits() >> 8) * 0x1p-23f - 1.0f;
}

float *random_buffer(ptrdiff_t n, value_kind kind) {
    float *p = buffer(n);
    for (ptrdiff_t i = 0; i < n; i++) p[i] = random_value(kind);
    return p;
}

void pack_panels(const acy_kernels *kernels, const float *weight, ptrdiff_t filters,
                 ptrdiff_t depth, float *packed) {
    const ptrdiff_t padded = rounded_up(filters, kernels->lanes);
    for (ptrdiff_t first = 0; first < padded; first += kernels->panel_width)
        for (ptrdiff_t k = 0; k < depth; k++)
            for (ptrdiff_t o = first; o < smaller(first + kernels->panel_width, padded); o++)
                *packed++ = o < filters ? weight[o * depth + k] : 0.0f;
}

void describe(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(description, sizeof description, format, arguments);
    va_end(arguments);
}

void expect_same(const char *what, const float *computed, const float *expected, ptrdiff_t n) {
    n_comparisons += n;
    for (ptrdiff_t i = 0; i < n; i++) {
        if (memcmp(&computed[i], &expected[i], sizeof(float)) == 0) continue;
        if (isnan(computed[i]) && isnan(expected[i])) continue;
        fail("%s[%td] is %a, not %a", what, i, (double)computed[i], (double)expected[i]);
        return;
    }
}

void expect_near(const char *what, float computed, double expected, double bound) {
    n_comparisons++;
    if (!(fabs(computed - expected) <= bound * fabs(expected)))
        fail("%s is %a, not %a +- %g of it", what, (double)computed, expected, bound);
}

float multiply_add(const acy_kernels *kernels, float a, float b, float sum) {
#ifdef __x86_64__
    if (strcmp(kernels->name, "generic") == 0) {
        volatile float product = a * b; /* volatile: rounded by itself, whatever the compiler */
        return sum + product;
    }
#else
    (void)kernels;
#endif
    return fmaf(a, b, sum);
}

float cut_off(float x) { return x < 0.0f ? 0.0f : x; }

void start_count(void) { n_comparisons = n_failures = 0; }
long comparisons(void) { return n_comparisons; }
long failures(void) { return n_failures; }
