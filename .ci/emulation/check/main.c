/* kernel_check [LEVEL...]: check the levels named, or all that this processor runs.
 *
 * Ends with 0 if every check of every level passed; a level that is named and does not run here is
 * a failure. The last line is "kernel_check: passed" or "kernel_check: FAILED".
 */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    void (*run)(const acy_kernels *kernels);
} checks[] = {
    {"conv", check_conv},
    {"winograd", check_winograd},
    {"linear, linear_rows", check_linear},
    {"pack_rows", check_pack_rows},
    {"max_pool", check_max_pool},
    {"adaptive_avg_pool", check_adaptive_avg_pool},
    {"local_response_norm", check_local_response_norm},
    {"norm_and_pool", check_norm_and_pool},
    {"norm_within_channel", check_norm_within_channel},
    {"relu", check_relu},
    {"softmax", check_softmax},
    {"unit_distance", check_unit_distance},
    {"multiply_add, read_all", check_limits},
};

static long check_level(const acy_kernels *kernels) {
    printf("%s: %d lanes, tile of %d x %d\n", kernels->name, kernels->lanes, kernels->tile_rows,
           kernels->panel_width);
    long failed = 0;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        start_count();
        checks[i].run(kernels);
        release_buffers();
        printf("  %-30s %9ld compared, %ld failed\n", checks[i].name, comparisons(), failures());
        failed += failures() + (comparisons() == 0);
    }
    return failed;
}

static const acy_kernels *find_level(const char *name) {
    for (const acy_kernels *const *level = acy_runnable_levels(); *level; level++)
        if (strcmp((*level)->name, name) == 0) return *level;
    return NULL;
}

int main(int argc, char **argv) {
    signal(SIGSEGV, report_wild_access);
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    long failed = 0;
    printf("compiled:");
    for (const char *const *name = acy_compiled_levels(); *name; name++) printf(" %s", *name);
    printf("\n");
    if (argc == 1)
        for (const acy_kernels *const *level = acy_runnable_levels(); *level; level++)
            failed += check_level(*level);
    for (int i = 1; i < argc; i++) {
        const acy_kernels *level = find_level(argv[i]);
        if (!level) printf("%s: does not run on this processor\n", argv[i]);
        failed += level ? check_level(level) : 1;
    }
    printf("kernel_check: %s\n", failed ? "FAILED" : "passed");
    return failed != 0;
}
