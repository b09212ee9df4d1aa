/* Which levels this build has, and which of them this processor and its operating system run.
 *
 * `__builtin_cpu_supports` asks the operating system too (XCR0): a processor with AVX-512 under a
 * kernel that does not save its registers is not one that can run it.
 */
#include "kernels.h"

extern const acy_kernels acy_generic;
#ifdef ACY_HAVE_X86_64_V3
extern const acy_kernels acy_x86_64_v3;

static int runs_x86_64_v3(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif
#ifdef ACY_HAVE_X86_64_V4
extern const acy_kernels acy_x86_64_v4;

static int runs_x86_64_v4(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx2") &&
           __builtin_cpu_supports("fma");
}
#endif
#ifdef ACY_HAVE_AARCH64_NEON
extern const acy_kernels acy_aarch64_neon;

static int runs_aarch64_neon(void) { return 1; /* part of the aarch64 baseline */ }
#endif

static int runs_generic(void) { return 1; }

/* Best first: the order of preference. */
static const struct {
    const acy_kernels *kernels;
    int (*runs)(void);
} levels[] = {
#ifdef ACY_HAVE_X86_64_V4
    {&acy_x86_64_v4, runs_x86_64_v4},
#endif
#ifdef ACY_HAVE_X86_64_V3
    {&acy_x86_64_v3, runs_x86_64_v3},
#endif
#ifdef ACY_HAVE_AARCH64_NEON
    {&acy_aarch64_neon, runs_aarch64_neon},
#endif
    {&acy_generic, runs_generic},
};

enum { N_LEVELS = sizeof levels / sizeof levels[0] };

const acy_kernels *const *acy_runnable_levels(void) {
    static const acy_kernels *runnable[N_LEVELS + 1];
    size_t n = 0;
    for (size_t i = 0; i < N_LEVELS; i++)
        if (levels[i].runs()) runnable[n++] = levels[i].kernels;
    runnable[n] = NULL;
    return runnable;
}

const char *const *acy_compiled_levels(void) {
    static const char *names[N_LEVELS + 1];
    for (size_t i = 0; i < N_LEVELS; i++) names[i] = levels[i].kernels->name;
    names[N_LEVELS] = NULL;
    return names;
}
